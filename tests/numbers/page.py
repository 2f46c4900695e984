"""Extracts the figures of the advertiser page from its HTML."""

import html.parser


class Page(html.parser.HTMLParser):
    """`tables` by their heading, and `list`, the key figures at the top."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.list = {}, {}
        self.heading, self.row, self.cell, self.term, self.small = "", None, None, "", False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.row = []
        elif tag == "small":
            self.small = True
        elif tag in ("td", "th", "h2", "dt", "dd"):
            self.cell = ""

    def handle_data(self, data):
        # Text in <small> is a remark.
        if self.cell is not None and not self.small:
            self.cell += data

    def handle_endtag(self, tag):
        if tag == "small":
            self.small = False
        elif tag in ("td", "th"):
            self.row.append(self.cell.strip())
        elif tag == "tr":
            self.tables.setdefault(self.heading, []).append(self.row)
        elif tag == "h2":
            self.heading = self.cell.strip()
        elif tag == "dt":
            self.term = self.cell.strip()
        elif tag == "dd":
            self.list[self.term] = self.cell.strip()
        if tag in ("td", "th", "h2", "dt", "dd"):
            self.cell = None

    def figures(self, heading):
        """The figures of a table, by row and column."""
        head, *rows = self.tables.get(heading, [[]])
        return {(row[0], column): cell for row in rows for column, cell in zip(head[1:], row[1:])}


def money(micros):
    """Formats an amount as pages do: with at least two decimals and no trailing zeros beyond."""
    whole, fraction = divmod(abs(micros), 1_000_000)
    digits = f"{fraction:06}".rstrip("0")
    return f"{'-' if micros < 0 else ''}{whole}.{digits:0<2}"
