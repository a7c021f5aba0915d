"""Asks OSV (https://osv.dev) for known vulnerabilities of everything that is shipped. Needs the network.

usage: audit.py

Reads target/bom.json (`mvn cyclonedx:makeAggregateBom`, or `scripts/test licences`) and the page's package-lock.json.
Prints each vulnerability with its package. Ends with 1 when there is one, with 2 when it could not be asked: then nothing is
known. OSV_API names another address that speaks OSV's interface.
"""

import json
import os
import pathlib
import sys
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BOM = ROOT / "target" / "bom.json"
LOCK = ROOT / "inspector-web" / "frontend" / "package-lock.json"
API = os.environ.get("OSV_API", "https://api.osv.dev")
BATCH = 1000  # OSV's limit


def packages():
    """Package URLs of what is shipped, each once."""
    found = [c["purl"].split("?")[0] for c in json.loads(BOM.read_text())["components"] if c.get("purl")]
    for path, package in json.loads(LOCK.read_text())["packages"].items():
        if path and not package.get("dev"):
            name = path.rsplit("node_modules/", 1)[1]
            found.append(f"pkg:npm/{urllib.parse.quote(name, safe='/')}@{package['version']}")
    return sorted(set(found))


def vulnerabilities(purls):
    """(package, id) of each, over all of OSV's pages."""
    queries = [{"package": {"purl": p}} for p in purls]
    while queries:
        now, queries = queries[:BATCH], queries[BATCH:]
        request = urllib.request.Request(
            f"{API}/v1/querybatch",
            data=json.dumps({"queries": now}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            results = json.load(answer)["results"]
        if len(results) != len(now):
            raise ValueError(f"{len(results)} answers to {len(now)} questions")
        for query, result in zip(now, results):
            for v in result.get("vulns", []):
                yield query["package"]["purl"], v["id"]
            if result.get("next_page_token"):
                queries.append({**query, "page_token": result["next_page_token"]})


def main():
    if not BOM.exists():
        print(f"There is no {BOM}: mvn -DskipFrontend package cyclonedx:makeAggregateBom writes it.", file=sys.stderr)
        return 2
    purls = packages()
    try:
        found = sorted(set(vulnerabilities(purls)))
    except (OSError, ValueError, KeyError) as e:
        print(f"{API} could not be asked, so nothing is known: {e}", file=sys.stderr)
        return 2
    for purl, name in found:
        print(f"{purl}: {name} https://osv.dev/vulnerability/{name}")
    print(f"{len(purls)} packages, {len(found)} known vulnerabilities")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
