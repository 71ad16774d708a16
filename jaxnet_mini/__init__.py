from jaxnet_mini.composition import serial
from jaxnet_mini.layers import *
from jaxnet_mini.train import *
