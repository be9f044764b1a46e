"""Charts that a person reads without help: SVG of its own making, for a page or as a file, without a plotting library.

Colours are those of Okabe and Ito (2008), which colour-blind people tell apart; lines differ in dash and mark too.
"""
