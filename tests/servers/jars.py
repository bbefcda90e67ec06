"""The class path of a Java server, resolved by Maven into its normal local repository."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.sax.saxutils import escape

from tests.servers.process import NotHere

POM = """<project><modelVersion>4.0.0</modelVersion>
<groupId>headwater</groupId><artifactId>servers</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>{}</dependencies></project>
"""
DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
PATIENCE = 600
"""Seconds for Maven to find what is not in its repository yet."""
ATTEMPTS = 3
"""Downloads are cut short now and then; what has arrived is not asked for again."""


def java() -> str:
    """The program `java`, that of JAVA_HOME first. Raises `NotHere`."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=Path(home) / "bin") if home else None
    found = found or shutil.which("java")
    if found is None:
        raise NotHere("it needs Java 17 (apt-get install openjdk-17-jdk-headless maven)")
    return found


@cache
def class_path(*coordinates: str) -> str:
    """All jars that `group:artifact:version`, in this order, need at run time, for `java -cp`. Raises `NotHere`.

    Versions are exact: of a range Maven reads the description of every version there is, for minutes.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise NotHere("its jars come by Maven (apt-get install maven)")
    wanted = "".join(DEPENDENCY.format(*map(escape, coordinate.split(":"))) for coordinate in coordinates)
    with TemporaryDirectory(prefix="headwater-pom-") as folder:
        Path(folder, "pom.xml").write_text(POM.format(wanted))
        goal = ["dependency:build-classpath", "-DincludeScope=runtime", "-Dmdep.outputFile=class_path"]
        command = [maven, "-B", "-q", *goal]
        said = ""
        for _ in range(ATTEMPTS):
            try:
                done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                raise NotHere(f"Maven had no jars for it within {PATIENCE} seconds") from None
            if done.returncode == 0:
                return Path(folder, "class_path").read_text().strip()
            said = (done.stdout + done.stderr).strip()[-2000:]
        raise NotHere(f"Maven found no jars for it: {said}")
