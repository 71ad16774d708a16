"""Models made of files, of JSON and of other models."""

from jaxnet_mini.base import plain_json
from jaxnet_mini.files.config import CustomObjects
from jaxnet_mini.files.safetensors import FilePath
from jaxnet_mini.models.sequential import Sequential


def load_model(
    path: FilePath, custom_objects: CustomObjects | None = None, compile: bool = True
) -> Sequential:
    """Return the model that ``model.save`` wrote, or that Keras 3 did.

    Training goes on exactly as it would have. Nothing that a file names is imported
    or evaluated.

    Args:
        path: a ``.safetensors`` file, or a ``.keras`` file of a dense Sequential. Of
            Keras's optimizers the settings are read and not the state.
        custom_objects: your own classes and functions that the file names, such as
            ``{"my_loss": my_loss}``. Classes must be dataclasses.
        compile: whether to compile as the model in the file was.

    Raises:
        FileError: there is no such file, it is damaged or holds no model.
        UnknownNameError: it names something that is neither known nor given.
        ArgumentError, ShapeError: it describes no model, or one that its arrays do
            not fit.

    >>> import tempfile
    >>> from jaxnet_mini.layers import Dense
    >>> model = Sequential([Dense(3, input_dim=2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model.safetensors")
    ...     load_model(f"{folder}/model.safetensors").count_params()
    9
    """
    return Sequential._load(path, custom_objects, compile)


def model_from_json(
    text: str, custom_objects: CustomObjects | None = None
) -> Sequential:
    """Return a model of the architecture that ``model.to_json()`` wrote.

    Its weights are new, drawn with the seed of the model that wrote it.

    >>> from jaxnet_mini.layers import Dense
    >>> model_from_json(Sequential([Dense(3, input_dim=2)]).to_json()).layers
    [Dense(3, input_shape=(2,))]
    """
    return Sequential.from_config(plain_json.parse(text), custom_objects)


def clone_model(model: Sequential) -> Sequential:
    """Return a model of the same layers with new weights, drawn with the same seed.

    >>> from jaxnet_mini.layers import Dense
    >>> clone_model(Sequential([Dense(3, input_dim=2)])).layers
    [Dense(3, input_shape=(2,))]
    """
    clone = Sequential._of(model.layers, model.name, model.seed, like=model)
    if model.built:
        clone.build(model.input_shape)
    return clone
