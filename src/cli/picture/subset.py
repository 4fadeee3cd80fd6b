"""Makes sans.otf: the characters that pictures use, out of Noto Sans CJK SC (SIL Open Font License 1.1).

    python3 src/cli/picture/subset.py NotoSansCJK-Regular.ttc

The font is in Debian's fonts-noto-cjk, and at https://github.com/notofonts/noto-cjk. Needs fonttools.
"""

import json
import re
import sys
from pathlib import Path

from fontTools import subset
from fontTools.pens.boundsPen import BoundsPen
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.transformPen import TransformPen
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
# Notebooks draw with words of their own: the lines of code that name a plot, an axis or a curve.
PLOTTED = re.compile(r"plot\(|\.(x|y|curve|points|bars)\(")
SIDE = 60
ALWAYS = "".join(map(chr, range(0x20, 0x7F))) + "αβγδεηθκλμνπρστφχψωΔΣΩ−±×÷·√∞≈≠≤≥∈→←↑↓…–—°²³½"


# Signs that are as wide as a Chinese character, and stand between Latin letters too.
WIDE = "·√±×÷≈≠≤≥∞→←↑↓‖′″Σ"


def trim(font):
    """Takes the white around these signs away, but for a little."""
    cmap, glyphs, widths = font.getBestCmap(), font.getGlyphSet(), font["hmtx"].metrics
    top = font["CFF "].cff.topDictIndex[0]
    for name in {cmap[ord(c)] for c in WIDE if ord(c) in cmap}:
        bounds = BoundsPen(glyphs)
        glyphs[name].draw(bounds)
        left, _, right, _ = bounds.bounds
        width = round(right - left + 2 * SIDE)
        pen = T2CharStringPen(width, glyphs)
        glyphs[name].draw(TransformPen(pen, (1, 0, 0, 1, SIDE - left, 0)))
        private = top.CharStrings[name].private
        top.CharStrings[name] = pen.getCharString(private=private)
        widths[name] = (width, SIDE)


def plotted():
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    cells = [cell for path in notebooks for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    lines = [line for cell in cells if cell["cell_type"] == "code" for line in cell["source"]]
    return "".join(line for line in lines if PLOTTED.search(line))


def main():
    # 2 is the font's number of Simplified Chinese in the collection.
    font = TTFont(sys.argv[1], fontNumber=2)
    words = ALWAYS + "".join(path.read_text(encoding="utf-8") for path in SOURCES) + plotted()
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
    trim(font)
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
