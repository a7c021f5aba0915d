"""Checks the licences of everything that is shipped, and keeps docs/licences.md.

usage: licences.py [--write]

Reads what Maven resolved (inspector-*/target/runtime-dependencies.txt, which `scripts/test java` makes), the POMs in
the local repository, and the page's package-lock.json. Nothing at run time may be copyleft, not even weakly (EPL,
LGPL, MPL): where an author offers a choice, the permissive licence is taken. Fails when something else is found, or
when docs/licences.md does not name what is shipped; --write rewrites it.
"""

import json
import os
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "licences.md"
REPOSITORY = pathlib.Path(os.environ.get("MAVEN_REPOSITORY", pathlib.Path.home() / ".m2" / "repository"))

# Names in the wild, as a pattern, and what we call them. The order is the preference where there is a choice.
PERMISSIVE = [
    (r"apache.*2|asl 2|^apache$", "Apache-2.0"),
    (r"^mit\b|the mit license|mit-0", "MIT"),
    (r"bsd.*3|new bsd|revised bsd|^go license$", "BSD-3-Clause"),
    (r"bsd.*2|simplified bsd|\bbsd\b", "BSD"),
    (r"^isc", "ISC"),
    (r"^0bsd", "0BSD"),
    (r"cc0|creative commons zero|public domain|unlicense", "public domain"),
    (r"ofl", "OFL-1.1"),
]

# Packages under several licences at once, of which we ship only a part.
PARTLY = {
    # The API's classes are Apache-2.0; the XML schemas beside them, CDDL and EPL, are left out of our jar.
    "org.apache.tomcat:tomcat-servlet-api": ("Apache-2.0", "jakarta/servlet/resources/"),
}


def maven_dependencies():
    pattern = re.compile(r"^\s+([\w.-]+):([\w.-]+):jar:(?:[\w.-]+:)?([\w.-]+):(?:compile|runtime)\b", re.M)
    files = list(ROOT.glob("inspector-*/target/runtime-dependencies.txt"))
    if not files:
        sys.exit("There is no inspector-*/target/runtime-dependencies.txt: run `scripts/test java` first")
    found = {m.groups() for file in files for m in pattern.finditer(file.read_text())}
    return sorted(d for d in found if d[0] != "org.llminspector")


def pom_licences(group, artifact, version):
    """The licences that a POM names, or else its parents."""
    path = REPOSITORY / group.replace(".", "/") / artifact / version / f"{artifact}-{version}.pom"
    if not path.exists():
        sys.exit(f"There is no {path}: set MAVEN_REPOSITORY if Maven's repository is elsewhere")
    pom = ElementTree.parse(path).getroot()
    space = {"m": pom.tag[1:].split("}")[0]} if pom.tag.startswith("{") else {"m": ""}
    names = [" ".join(n.text.split()) for n in pom.findall("m:licenses/m:license/m:name", space) if n.text]
    parent = pom.find("m:parent", space)
    if names or parent is None:
        return names
    return pom_licences(*(parent.find(f"m:{part}", space).text.strip() for part in ("groupId", "artifactId", "version")))


def shipped(folder):
    """What the runnable jar, if it is built, holds of a folder that it should not."""
    for jar in ROOT.glob("inspector-web/target/llm-inspector*.jar"):
        with zipfile.ZipFile(jar) as file:
            yield from (f"{jar.name}: {name}" for name in file.namelist() if name.startswith(folder))


def npm_dependencies():
    """The page's packages that end up in the browser, with their licence."""
    lock = ROOT / "inspector-web" / "frontend" / "package-lock.json"
    packages = json.loads(lock.read_text())["packages"] if lock.exists() else {}
    for path, package in packages.items():
        # Svelte is a build tool whose runtime is compiled into the page.
        name = path.rpartition("node_modules/")[2]
        if path and (not package.get("dev") or name == "svelte"):
            yield name, package["version"], package.get("license", "")


def permissive(names):
    """The first permissive licence that is offered, or None. Several names, or OR, are a choice; AND is none."""
    offered = [part for name in names for part in re.split(r"\s+OR\s+|[()]", name) if part]
    offered = [part for part in offered if not re.search(r"\band\b", part, re.I)]
    for pattern, name in PERMISSIVE:
        if any(re.search(pattern, licence.strip(), re.I) for licence in offered):
            return name
    return None


def main(write):
    rows, bad = [], []

    def add(name, version, names):
        taken = permissive(names)
        if name in PARTLY:
            taken, left_out = PARTLY[name]
            bad.extend(shipped(left_out))
        if taken is None:
            bad.append(f"{name} {version}: {' or '.join(names) or 'no licence named'}")
        rows.append(f"| {name} | {taken or '**not permissive**'} | {'; '.join(names) or 'not named in the package'} |")

    for group, artifact, version in maven_dependencies():
        add(f"{group}:{artifact}", version, pom_licences(group, artifact, version))
    rows.append(None)
    for name, version, licence in npm_dependencies():
        add(name, version, [licence] if licence else [])

    java, page = rows[: rows.index(None)], rows[rows.index(None) + 1 :]
    head = ["| | taken | offered |", "|---|---|---|"]
    table = "\n".join(["## In the jar", "", *head, *java, "", "## In the page", "", *head, *page])
    document = DOCUMENT.read_text()
    begin = "<!-- written by scripts/licences.py -->\n"
    if write:
        DOCUMENT.write_text(document.split(begin)[0] + begin + "\n" + table + "\n")
    else:
        missing = [r.split(" | ")[0][2:] for r in java + page if r.split(" | ")[0] + " |" not in document]
        # Another platform's or the GPU's native library is the same thing by another name.
        bad += [f"{m} is not in docs/licences.md: scripts/licences.py --write" for m in missing if "native" not in m]
    if bad:
        sys.exit("Licences:\n  " + "\n  ".join(bad))
    print(f"{len(java) + len(page)} packages, all permissive")


if __name__ == "__main__":
    main("--write" in sys.argv[1:])
