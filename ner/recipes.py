"""The configurations that come with the package, by their names."""

from pathlib import Path

from ner.errors import ConfigError, suggestion

ENDING = ".toml"


def recipe_names() -> list[str]:
    """List the names of all configurations that come with the package."""
    return sorted(path.stem for path in _folder().glob(f"*{ENDING}"))


def recipe_path(name: str) -> Path:
    """Return the file of a configuration that comes with the package."""
    return _folder() / f"{name}{ENDING}"


def describe_recipe(name: str) -> str:
    """Return the comment in the first line of a configuration, which says what it is for."""
    with recipe_path(name).open(encoding="utf-8") as file:
        return file.readline().removeprefix("#").strip()


def find_config(config: str | Path) -> Path:
    """Return the file that is meant by a path, or by the name of a configuration.

    A file wins over a configuration of the same name.

    Raises:
        ConfigError: There is no such file, and no configuration of this name.
    """
    path, names = Path(config), recipe_names()
    if path.exists():
        return path
    if str(config) in names:
        return recipe_path(str(config))
    if path.suffix == ENDING:
        is_known = path.stem in names
        hint = f" It comes with the package under the name {path.stem}." if is_known else ""
        raise ConfigError(f"{config}: no such file or directory.{hint}")
    raise ConfigError(
        f"{config}: no such file, and no configuration that comes with the package, which are "
        f"{', '.join(names)}.{suggestion(str(config), names)}"
    )


def _folder() -> Path:
    # A wheel has the folder inside of the package; a checkout has it beside the package.
    package = Path(__file__).parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"
