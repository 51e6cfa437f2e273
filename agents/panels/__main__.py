"""`python -m agents.panels [FOLDER]`: write the dashboards of Grafana, to deploy/grafana/dashboards unless told."""

import sys
from pathlib import Path

from agents.panels.grafana import documents

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "deploy/grafana/dashboards")
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents().items():
        (folder / name).write_bytes(document)
        print(folder / name)  # noqa: T201  the answer of the command
