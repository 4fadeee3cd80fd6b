"""Makes sans.otf: the characters that pictures use, out of Noto Sans CJK SC (SIL Open Font License 1.1).

    python3 src/cli/picture/subset.py NotoSansCJK-Regular.ttc

The font is in Debian's fonts-noto-cjk, and at https://github.com/notofonts/noto-cjk. Needs fonttools.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
# Where the words of pictures are written.
SOURCES = [
    *sorted(ROOT.glob("lessons/**/pictures.rs")),
    *sorted(ROOT.glob("src/show/*.rs")),
    *sorted(HERE.glob("*.rs")),
    ROOT / "lessons/methods.rs",
    ROOT / "src/cli/bench.rs",
    ROOT / "src/cli/difference.rs",
    ROOT / "src/cli/stats/draw.rs",
]
ALWAYS = "".join(map(chr, range(0x20, 0x7F))) + "αβγδεηθκλμνπρστφχψωΔΣΩ−±×÷·√∞≈≠≤≥∈→←↑↓…–—°²³½"


def main():
    # 2 is the font's number of Simplified Chinese in the collection.
    font = TTFont(sys.argv[1], fontNumber=2)
    words = ALWAYS + "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    options = subset.Options()
    options.layout_features = []
    options.name_IDs = [0, 13, 14]
    options.notdef_outline = True
    options.hinting = False
    options.desubroutinize = True
    options.drop_tables += ["GSUB", "GPOS", "BASE", "vhea", "vmtx", "VORG", "GDEF"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes={ord(c) for c in words if c.isprintable()})
    subsetter.subset(font)
    # plotters takes an em for 1/1.24 of a line.
    font["hhea"].ascent, font["hhea"].descent, font["hhea"].lineGap = 980, -260, 0
    font["OS/2"].sTypoAscender, font["OS/2"].sTypoDescender, font["OS/2"].sTypoLineGap = 980, -260, 0
    for number, name in [(1, "llmlab Sans"), (2, "Regular"), (4, "llmlab Sans"), (6, "llmlab-Sans")]:
        font["name"].setName(name, number, 3, 1, 0x409)
    font["CFF "].cff.fontNames = ["llmlab-Sans"]
    font["head"].modified = font["head"].created
    font.recalcTimestamp = False
    font.save(HERE / "sans.otf")


main()
