"""Write sbom.cdx.json, which wheels carry: what the package contains and needs, as CycloneDX 1.6.

python scripts/write_sbom.py

A wheel contains no code of others, so its components are the packages that the base installation
asks for. Their versions are chosen when it is installed, and are not part of the file.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
FILE = ROOT / "sbom.cdx.json"


def component(name: str, version: str | None = None, **facts: Any) -> dict[str, Any]:
    """Describe a package of the index."""
    purl = f"pkg:pypi/{name}" + (f"@{version}" if version else "")
    known = {"version": version} if version else {}
    return {"type": "library", "bom-ref": purl, "name": name, **known, "purl": purl, **facts}


def bill_of_materials() -> dict[str, Any]:
    """Return the content of the file, which depends on pyproject.toml alone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = component(
        project["name"],
        project["version"],
        description=project["description"],
        licenses=[{"expression": project["license"]}],
    )
    needed = []
    for line in project["dependencies"]:
        requirement = Requirement(line)
        asked = {"name": "requirement", "value": str(requirement)}
        needed.append(component(requirement.name, properties=[asked]))
    refs = [each["bom-ref"] for each in needed]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": own},
        "components": needed,
        "dependencies": [{"ref": own["bom-ref"], "dependsOn": refs}, *({"ref": r} for r in refs)],
    }


def main() -> None:
    """Write the file."""
    FILE.write_text(json.dumps(bill_of_materials(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
