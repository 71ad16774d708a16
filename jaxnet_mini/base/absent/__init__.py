"""What Keras has and this library has not: answered by a sentence that leads on."""
