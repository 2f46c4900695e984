#!/usr/bin/env python3
"""Writes src/domain/regions.txt from the CLDR packages of npm.

    npm pack cldr-core cldr-localenames-modern   # unpacked into ./core and ./names
    tests/tools/regions.py core names > src/domain/regions.txt

Countries: `DE<TAB>Germany`. Groups: `eu<TAB>European Union<TAB>EU<TAB>DE FR …` (id, name, code, members).
"""
import json
import sys
import unicodedata

core, names = sys.argv[1:3]
containment = json.load(open(f"{core}/package/supplemental/territoryContainment.json"))
containment = containment["supplemental"]["territoryContainment"]
english = json.load(open(f"{names}/package/main/en/territories.json"))
english = english["main"]["en"]["localeDisplayNames"]["territories"]


def leaves(code):
    if code.isalpha() and code not in ("EU", "EZ", "QO", "UN"):
        return {code}
    return set().union(*map(leaves, containment[code]["_contains"]))


def slug(name):
    text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "-".join("".join(c if c.isalnum() else " " for c in text).split())


print("# ISO 3166 countries and UN M49 groups. Generated from Unicode CLDR (cldr-core 48.2,")
print("# territoryContainment; English names from cldr-localenames-modern 45). Licence: Unicode-3.0.")
countries = sorted(c for c in leaves("001") if len(c) == 2)
for code in countries:
    print(f"{code}\t{english.get(code, code)}")
groups = {"EU": "eu", "EZ": "eurozone", "UN": "un"}
for code, entry in sorted(containment.items()):
    if "-" in code or code == "QO":
        continue
    name = english.get(code, code)
    ident = groups.get(code) or slug(name)
    members = " ".join(sorted(leaves(code) & set(countries)))
    print(f"{ident}\t{name}\t{code}\t{members}")
eea = " ".join(sorted(leaves("EU") | {"IS", "LI", "NO"}))
print(f"eea\tEuropean Economic Area\tEEA\t{eea}")
emea = " ".join(sorted((leaves("150") | leaves("002") | leaves("145")) & set(countries)))
print(f"emea\tEurope, the Middle East and Africa\tEMEA\t{emea}")
