/* split() for rows whose quotes enclose whole cells, in registers of WIDTH bytes; included once for each width.
 *
 * 1 where the row has its columns, 0 where it is odd, -1 where only a look at each byte can tell.
 */
TARGET static int SPLIT(Machine *self, const char *row, Line *line)
{
    const BYTES comma = FILL((char)self->separator), quote = FILL(self->quote), below_blank = FILL(0x1f);
    BYTES special[SPECIALS];
    for (int k = 0; k < SPECIALS; k++)
        special[k] = FILL(self->specials[k]);
    Py_ssize_t begin = 0, copied = 0;
    uint64_t own = 0, high = 0, quotes_of_cell = 0, open = 0;
    Cell *cell = self->cells, *const last = self->cells + self->columns - 1;
    for (Py_ssize_t at = 0;; at += 64) {
        Masks found = {0, 0, 0, 0, 0};
        for (int k = 0; k < 64; k += WIDTH) {
            BYTES bytes = LOAD(row + at + k);
            BYTES quoting = EQUAL(bytes, quote), any = EQUAL(bytes, special[0]);
            for (int s = 1; s < SPECIALS; s++)
                any = OR(any, EQUAL(bytes, special[s]));
            found.commas |= MASK(EQUAL(bytes, comma)) << k;
            found.quotes |= MASK(quoting) << k;
            found.specials |= MASK(any) << k;
            found.controls |= MASK(EQUAL(LESSER(bytes, below_blank), bytes)) << k;
            found.high |= MASK(bytes) << k;
        }
        Py_ssize_t end = -1; /* of the row, in this block */
        if (found.controls) {
            int first = __builtin_ctzll(found.controls);
            uint64_t before = ((uint64_t)1 << first) - 1;
            const char *control = row + at + first;
            if (*control == '\n')
                line->next = control + 1;
            else if (*control == '\r' && control[1] == '\n')
                line->next = control + 2;
            else
                return 0;
            end = at + first;
            found.commas &= before;
            found.quotes &= before;
            found.specials &= before;
            found.high &= before;
        }
        high |= found.high;
        if (found.quotes | open) {
            uint64_t inside = within_quotes(found.quotes) ^ open;
            open = 0 - (inside >> 63);
            found.commas &= ~inside;
        }
        while (found.commas) {
            int bit = __builtin_ctzll(found.commas);
            uint64_t before = ((uint64_t)1 << bit) - 1;
            if (cell == last)
                return 0; /* one more cell follows every comma */
            cell->text.at = row + begin;
            cell->text.length = at + bit - begin;
            cell->special = (own | (found.specials & before)) != 0;
            if ((quotes_of_cell | (found.quotes & before)) && !unquote(self, cell, &copied))
                return -1;
            cell++;
            own = quotes_of_cell = 0;
            found.specials &= ~before << 1; /* a comma itself may be one where nothing is escaped */
            found.quotes &= ~before;
            begin = at + bit + 1;
            found.commas &= found.commas - 1;
        }
        own |= found.specials;
        quotes_of_cell |= found.quotes;
        if (end >= 0) {
            line->row = (Text){row, end};
            cell->text.at = row + begin;
            cell->text.length = end - begin;
            cell->special = own != 0;
            if (quotes_of_cell && !unquote(self, cell, &copied))
                return -1;
            return cell == last && !ends_in_blank(self, cell) && (!high || is_plain_utf8((const unsigned char *)row, end));
        }
    }
}

#undef SPLIT
#undef TARGET
#undef WIDTH
#undef BYTES
#undef FILL
#undef LOAD
#undef EQUAL
#undef LESSER
#undef OR
#undef MASK
