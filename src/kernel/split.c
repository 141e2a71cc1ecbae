/* Rows of CSV -> cells. */
#include "machine.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static int is_utf8(const unsigned char *at, Py_ssize_t length)
{
    Py_ssize_t i = 0;
    while (i < length) {
        unsigned char lead = at[i++];
        if (lead < 0x80)
            continue;
        int more;
        unsigned char low = 0x80, high = 0xbf;
        if (lead >= 0xc2 && lead <= 0xdf) {
            more = 1;
        } else if (lead >= 0xe0 && lead <= 0xef) {
            more = 2;
            if (lead == 0xe0)
                low = 0xa0;
            if (lead == 0xed)
                high = 0x9f;
        } else if (lead >= 0xf0 && lead <= 0xf4) {
            more = 3;
            if (lead == 0xf0)
                low = 0x90;
            if (lead == 0xf4)
                high = 0x8f;
        } else {
            return 0;
        }
        if (more > length - i)
            return 0;
        for (int k = 0; k < more; k++, i++) {
            if (at[i] < low || at[i] > high)
                return 0;
            low = 0x80;
            high = 0xbf;
        }
    }
    return 1;
}

#ifdef __SSE2__
/* The same as split() for a row without a quote, sixteen bytes at a time. */
static int split_plain(Machine *self, const char *row, Py_ssize_t length)
{
    const __m128i comma = _mm_set1_epi8(','), low = _mm_set1_epi8(0x20);
    __m128i special[SPECIALS];
    for (int k = 0; k < SPECIALS; k++)
        special[k] = _mm_set1_epi8(self->specials[k]);
    Py_ssize_t begin = 0, at = 0;
    int count = 0, own = 0, high = 0;
    while (at < length) {
        unsigned int commas = 0, specials = 0, valid = 0xffff;
        Py_ssize_t left = length - at;
        __m128i block;
        if (left >= 16) {
            block = _mm_loadu_si128((const __m128i *)(const void *)(row + at));
        } else {
            char rest[16] = {0};
            memcpy(rest, row + at, (size_t)left);
            block = _mm_loadu_si128((const __m128i *)(const void *)rest);
            valid = (1u << left) - 1;
        }
        unsigned int negative = (unsigned int)_mm_movemask_epi8(block) & valid; /* 0x80 and above */
        unsigned int below = (unsigned int)_mm_movemask_epi8(_mm_cmplt_epi8(block, low)) & valid;
        if (below & ~negative)
            return 0; /* a control character */
        high |= negative != 0;
        commas = (unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(block, comma)) & valid;
        __m128i any = _mm_cmpeq_epi8(block, special[0]);
        for (int k = 1; k < SPECIALS; k++)
            any = _mm_or_si128(any, _mm_cmpeq_epi8(block, special[k]));
        specials = (unsigned int)_mm_movemask_epi8(any) & valid;
        while (commas) {
            int bit = __builtin_ctz(commas);
            unsigned int before = (1u << bit) - 1;
            if (count + 1 >= self->columns)
                return 0; /* one more cell follows every comma */
            Cell *cell = &self->cells[count++];
            cell->text.at = row + begin;
            cell->text.length = at + bit - begin;
            cell->special = own | ((specials & before) != 0);
            own = 0;
            specials &= ~before;
            begin = at + bit + 1;
            commas &= commas - 1;
        }
        own |= specials != 0;
        at += 16;
    }
    if (count + 1 != self->columns)
        return 0;
    self->cells[count].text.at = row + begin;
    self->cells[count].text.length = length - begin;
    self->cells[count].special = own;
    return !high || is_utf8((const unsigned char *)row, length);
}
#endif

/* Cuts a row into cells; 0 where it is odd, 1 where it has the columns it should have. */
int split(Machine *self, const char *row, Py_ssize_t length)
{
#ifdef __SSE2__
    if (self->special_count <= SPECIALS && (length == 0 || memchr(row, '"', (size_t)length) == NULL))
        return split_plain(self, row, length);
#endif
    const unsigned char *classes = self->classes;
    Py_ssize_t i = 0, copied = 0;
    int count = 0, flags = 0;
    for (;;) {
        if (count == self->columns)
            return 0;
        Cell *cell = &self->cells[count++];
        int own = 0;
        if (i < length && row[i] == '"') {
            Py_ssize_t begin = ++i, from = copied;
            int doubled = 0;
            for (;; i++) {
                if (i >= length)
                    return 0; /* left open */
                if (row[i] == '"') {
                    if (i + 1 >= length || row[i + 1] != '"')
                        break;
                    if (!doubled) { /* from here on the cell is another text than the row's */
                        memcpy(self->scratch + copied, row + begin, (size_t)(i - begin));
                        copied += i - begin;
                        doubled = 1;
                    }
                    i++;
                }
                own |= classes[(unsigned char)row[i]];
                if (doubled)
                    self->scratch[copied++] = row[i];
            }
            cell->text.at = doubled ? self->scratch + from : row + begin;
            cell->text.length = doubled ? copied - from : i - begin;
            i++;
            if (i < length && row[i] != ',')
                return 0; /* text follows the closing quote */
        } else {
            Py_ssize_t begin = i;
            for (; i < length; i++) {
                unsigned char class = classes[(unsigned char)row[i]];
                if (class == COMMA)
                    break;
                own |= class;
            }
            cell->text.at = row + begin;
            cell->text.length = i - begin;
        }
        cell->special = own & SPECIAL;
        flags |= own;
        if (i >= length)
            break;
        i++; /* the comma */
    }
    if (count != self->columns || flags & CONTROL)
        return 0;
    return !(flags & HIGH) || is_utf8((const unsigned char *)row, length);
}
