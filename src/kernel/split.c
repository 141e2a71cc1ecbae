/* Rows of CSV -> cells.
 *
 * The usual row is cut in one pass over 64 bytes at a time, of which each class of bytes becomes a mask. What
 * that pass is not sure of (a quote within a cell, text behind one) is cut byte by byte.
 */
#include "machine.h"

#if defined(__SSE2__) && defined(__GNUC__)
#define WIDE
#include <immintrin.h>
#endif

/* Whether bytes are UTF-8 and hold no U+0085, U+2028 or U+2029, which some readers end a line at: no format
 * copies these as they are. */
int is_plain_utf8(const unsigned char *at, Py_ssize_t length)
{
    Py_ssize_t i = 0;
    while (i < length) {
        uint64_t word;
        if (length - i >= 8 && (memcpy(&word, at + i, 8), (word & 0x8080808080808080u) == 0)) {
            i += 8;
            continue;
        }
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
        if (lead == 0xc2 && at[i] == 0x85)
            return 0;
        if (lead == 0xe2 && at[i] == 0x80 && (at[i + 1] == 0xa8 || at[i + 1] == 0xa9))
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

int make_scratch(char **buffer, Py_ssize_t *size, Py_ssize_t needed)
{
    if (needed <= *size)
        return 0;
    char *larger = PyMem_Realloc(*buffer, (size_t)needed);
    if (larger == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    *buffer = larger;
    *size = needed;
    return 0;
}

/* Whether a row that is cut at blanks ends in one: its reader knows no cell behind it. */
static inline int ends_in_blank(const Machine *self, const Cell *last)
{
    return self->separator == ' ' && last->text.length == 0;
}

/* The text inside the quotes of a cell; 0 where the cell is not one quoted text and nothing else. */
static int unquote(Machine *self, Cell *cell, Py_ssize_t *copied)
{
    Text text = cell->text;
    if (text.length < 2 || text.at[0] != '"' || text.at[text.length - 1] != '"')
        return 0;
    text.at++;
    text.length -= 2;
    cell->text = text;
    const char *end = text.at + text.length, *at = text.at;
    const char *quote = memchr(at, '"', (size_t)text.length);
    if (quote == NULL)
        return 1;
    char *to = self->scratch + *copied;
    cell->text.at = to;
    for (; quote != NULL; quote = memchr(at, '"', (size_t)(end - at))) {
        if (quote + 1 >= end || quote[1] != '"')
            return 0;
        memcpy(to, at, (size_t)(quote + 1 - at));
        to += quote + 1 - at;
        at = quote + 2;
    }
    memcpy(to, at, (size_t)(end - at));
    to += end - at;
    cell->text.length = to - cell->text.at;
    *copied = to - self->scratch;
    return 1;
}

#ifdef WIDE

typedef struct {
    uint64_t commas, quotes, specials, controls, high;
} Masks;

static inline uint64_t within_quotes(uint64_t quotes)
{
    for (int by = 1; by < 64; by *= 2)
        quotes ^= quotes << by;
    return quotes;
}

#define SPLIT split_sse2
#define TARGET
#define WIDTH 16
#define BYTES __m128i
#define FILL(byte) _mm_set1_epi8(byte)
#define LOAD(at) _mm_loadu_si128((const __m128i *)(const void *)(at))
#define EQUAL _mm_cmpeq_epi8
#define LESSER _mm_min_epu8
#define OR _mm_or_si128
#define MASK(bytes) ((uint64_t)(uint32_t)_mm_movemask_epi8(bytes))
#include "split_wide.h"

#if defined(__x86_64__)
#define WIDER
#define SPLIT split_avx2
#define TARGET __attribute__((target("avx2")))
#define WIDTH 32
#define BYTES __m256i
#define FILL(byte) _mm256_set1_epi8(byte)
#define LOAD(at) _mm256_loadu_si256((const __m256i *)(const void *)(at))
#define EQUAL _mm256_cmpeq_epi8
#define LESSER _mm256_min_epu8
#define OR _mm256_or_si256
#define MASK(bytes) ((uint64_t)(uint32_t)_mm256_movemask_epi8(bytes))
#include "split_wide.h"
#endif

#endif

/* Cuts a row without its end byte by byte; 0 where it is odd. */
int split_slowly(Machine *self, const char *row, Py_ssize_t length)
{
    const unsigned char *classes = self->classes;
    Py_ssize_t i = 0, copied = 0;
    int count = 0, flags = 0;
    for (;;) {
        if (count == self->columns)
            return 0;
        Cell *cell = &self->cells[count++];
        int own = 0;
        if (i < length && row[i] == self->quote) {
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
            if (i < length && row[i] != self->separator)
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
    if (count != self->columns || flags & CONTROL || ends_in_blank(self, &self->cells[count - 1]))
        return 0;
    return !(flags & HIGH) || is_plain_utf8((const unsigned char *)row, length);
}

int split(Machine *self, const char *at, Line *line)
{
#ifdef WIDE
    int found;
#ifdef WIDER
    if (__builtin_cpu_supports("avx2"))
        found = split_avx2(self, at, line);
    else
#endif
        found = split_sse2(self, at, line);
    if (found >= 0)
        return found;
#endif
    const char *end = at; /* there is one */
    while (*end != '\n')
        end++;
    line->next = end + 1;
    line->row = (Text){at, end - at - (end > at && end[-1] == '\r')};
    return split_slowly(self, line->row.at, line->row.length);
}
