"""Lets Anki itself import the cards: by hand, since it needs the package `anki` from PyPI.

    python3 -m venv /tmp/anki && /tmp/anki/bin/pip install anki
    /tmp/anki/bin/python tests/oracles/anki.py target/release/llmlab

Takes less than a minute, the installation included. Anki brings its own Rust and its own SQLite:
nothing of ours is in what it says.
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
import zipfile

# This file is called anki as well.
sys.path.pop(0)

import anki.lang
from anki.collection import Collection, ImportAnkiPackageOptions, ImportAnkiPackageRequest
from anki.utils import field_checksum, strip_html_media

llmlab = sys.argv[1]
anki.lang.set_lang("en")


def export(path, lang, at, *more):
    clock = path + ".clock"
    with open(clock, "w") as file:
        file.write(str(at))
    subprocess.run(
        [llmlab, "export", "--anki", path, "--lang", lang, *more],
        check=True, stdout=subprocess.DEVNULL, env={**os.environ, "LLMLAB_CLOCK": clock},
    )


def imported(collection, path):
    request = ImportAnkiPackageRequest(package_path=path, options=ImportAnkiPackageOptions())
    log = collection.import_anki_package(request).log
    assert not log.conflicting and not log.first_field_match and not log.missing_notetype, log
    return len(log.new), len(log.updated), len(log.duplicate)


with tempfile.TemporaryDirectory() as folder:
    collection = Collection(os.path.join(folder, "collection.anki2"))
    at = 1_700_000_000_000
    total = 0
    for lang in ["en", "zh"]:
        path = os.path.join(folder, lang + ".apkg")
        export(path, lang, at)
        new, updated, same = imported(collection, path)
        assert new > 300 and updated == 0 and same == 0, (new, updated, same)
        total += new
        assert imported(collection, path) == (0, 0, new), "the same file again"
        # Other values, later: the notes that are there are changed, none is added.
        export(path, lang, at + 60_000, "--seed", "7", "--force")
        new, updated, same = imported(collection, path)
        assert new == 0 and updated > 0, (new, updated, same)
        print(f"{lang}: {total} notes; a later export updates {updated} and adds {new}")
    notes = collection.find_notes("")
    assert len(notes) == total == collection.card_count()
    for id in notes:
        note = collection.get_note(id)
        front, back = note.fields
        [card] = note.cards()
        question, answer = card.question(), card.answer()
        assert front in question and front in answer and back in answer, note.guid
        assert "llmlab::" in collection.decks.name(card.did), note.guid
        assert any(tag.startswith("track::") for tag in note.tags), note.guid
        sort, sum = collection.db.first("select sfld, csum from notes where id = ?", id)
        assert sum == field_checksum(front) and str(sort) == strip_html_media(front), note.guid
    # What stands in the package is what Anki computes itself.
    for lang in ["en", "zh"]:
        zipfile.ZipFile(os.path.join(folder, lang + ".apkg")).extract("collection.anki2", folder + "/" + lang)
        for fields, sort, sum in sqlite3.connect(f"{folder}/{lang}/collection.anki2").execute(
            "select flds, sfld, csum from notes"
        ):
            front = fields.split("\x1f")[0]
            assert sum == field_checksum(front) and str(sort) == strip_html_media(front), front
    assert collection.fix_integrity()[1], "Anki finds nothing to mend"
    collection.close()
    print(f"{total} notes and cards rendered; sort fields and checksums are Anki's own")
