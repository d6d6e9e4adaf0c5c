"""``{screen}``: a command line, run while the page is built, and what it prints."""

import os
import shlex
import subprocess
import sys
import tempfile

from docutils import nodes
from sklearn.datasets import load_iris
from sphinx.util.docutils import SphinxDirective


def flowers(folder):
    """Write the tables that the commands read."""
    frame = load_iris(as_frame=True).frame
    frame.columns = ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
    frame["species"] = load_iris().target_names[frame["species"]]
    frame.insert(0, "id", range(1, 151))
    frame.to_csv(os.path.join(folder, "flowers.csv"), index=False)
    frame.drop(columns="species")[::30].to_csv(os.path.join(folder, "new.csv"), index=False)


class Screen(SphinxDirective):
    """Show a command and its output; one that fails is a warning, which ends the build."""

    has_content = True

    def run(self):
        """Return a literal block of the commands, a line each, and what they print."""
        text = "\n".join(f"$ {command}\n{self._printed(command)}" for command in self.content)
        return [nodes.literal_block(text, text, language="none", classes=["screen"])]

    def _printed(self, command):
        words = [sys.executable, "-m", *shlex.split(command)]
        given = {"cwd": self.config.screens_folder, "env": os.environ | {"COLUMNS": "100"}}
        ended = subprocess.run(words, capture_output=True, text=True, check=False, **given)
        if ended.returncode:
            raise self.error(f"{command} failed: {ended.stderr}")
        return "\n".join(line.rstrip() for line in ended.stdout.splitlines()) + "\n"


def setup(app):
    """Connect the directive, and make the folder in which its commands run."""
    folder = tempfile.TemporaryDirectory()
    flowers(folder.name)
    app.add_config_value("screens_folder", folder.name, "")
    app.connect("build-finished", lambda app, exception: folder.cleanup())
    app.add_directive("screen", Screen)
    return {"parallel_read_safe": True}
