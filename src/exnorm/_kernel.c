/* Runs programs that exnorm.native makes of a table: rows of CSV in, payloads out.
 *
 * It knows no column, field or format of its own: a program is a list of parts (constant bytes, a cell,
 * what was looked up for a cell, a part under a condition), and everything that depends on the text of
 * one column is asked of Python once and remembered. A row with anything odd about it is not touched:
 * run() stops before it, and the caller takes the long way.
 *
 * Memory: a cell is a pointer into the caller's bytes (held for the call) or into a scratch buffer that
 * is as large as the row; every write is preceded by reserve(). Nothing here calls itself.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { CONSTANT, CELL, SLOT, HEAD, START, WHEN, NEST, ROW, IDENTITY }; /* parts */
enum { NOT_TEXT, HAS_SLOT };                                       /* conditions */
enum { COMMA = 1, SPECIAL = 2, CONTROL = 4, HIGH = 8 };            /* classes of bytes */
enum { ODD = 0, WRITTEN = 1, DROPPED = 2, FAILED = -1 };

#define SPECIALS 3
#define TABLE 16384 /* places in a cache, a power of two */
#define REMEMBERED 8192
#define LONGEST_KEY 256

typedef struct {
    const char *at;
    Py_ssize_t length;
} Text;

typedef struct {
    Text text;
    int special;
} Cell;

typedef struct {
    uint64_t hash;
    PyObject *key;   /* bytes */
    PyObject *found; /* tuple of bytes */
} Entry;

typedef struct {
    int cell;
    int slots;
    Py_ssize_t from, to; /* the part of the cell that is looked up; to < 0 = to its end */
    PyObject *find;
    Entry *table;
    Py_ssize_t used;
    PyObject *current; /* the tuple for the row at hand, a reference of our own */
} Cache;

typedef struct {
    int kind, a, b;
    PyObject *text; /* bytes */
} Condition;

typedef struct {
    int kind, a, b;
    PyObject *text;  /* bytes of CONSTANT, what opens a NEST */
    PyObject *close; /* bytes that close a NEST */
    Py_ssize_t skip; /* parts that belong to a WHEN or a NEST */
    int all_begin, all_end;     /* conditions that must all hold */
    int groups_begin, groups_end; /* groups of which none may hold entirely */
} Part;

typedef struct {
    int begin, end;
} Group;

typedef struct {
    PyObject_HEAD
    int columns, events, unknown, dropped;
    Py_ssize_t longest;
    PyObject *absent, *count;
    Cell *cells;
    Cache *caches;
    Py_ssize_t cache_count;
    Part *parts;
    Py_ssize_t part_count;
    Condition *conditions;
    Py_ssize_t condition_count;
    Group *groups;
    Py_ssize_t group_count;
    Py_ssize_t *limits; /* pairs: cell, most bytes */
    Py_ssize_t limit_count;
    Py_ssize_t *numbers, *lists;
    Py_ssize_t number_count, list_count;
    unsigned char classes[256];
    PyObject *escapes[256];
    char specials[SPECIALS]; /* the bytes that are escaped, the last of them repeated */
    int special_count;
    Py_ssize_t widest; /* bytes that one byte may become */
    char *out;
    Py_ssize_t out_length, out_size;
    char *scratch;
    Py_ssize_t scratch_size;
    int running;
} Machine;

/* --- buffers ------------------------------------------------------------------------------------ */

static inline int reserve(Machine *self, Py_ssize_t more)
{
    if (more < 0 || more > PY_SSIZE_T_MAX - self->out_length) {
        PyErr_NoMemory();
        return -1;
    }
    Py_ssize_t needed = self->out_length + more;
    if (needed <= self->out_size)
        return 0;
    Py_ssize_t size = needed > PY_SSIZE_T_MAX / 2 ? needed : needed * 2;
    char *out = PyMem_Realloc(self->out, (size_t)size);
    if (out == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->out = out;
    self->out_size = size;
    return 0;
}

static inline int put(Machine *self, const char *at, Py_ssize_t length)
{
    if (reserve(self, length) < 0)
        return -1;
    memcpy(self->out + self->out_length, at, (size_t)length);
    self->out_length += length;
    return 0;
}

static int put_bytes(Machine *self, PyObject *bytes)
{
    return put(self, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
}

static int put_cell(Machine *self, const Cell *cell)
{
    if (!cell->special)
        return put(self, cell->text.at, cell->text.length);
    if (cell->text.length > PY_SSIZE_T_MAX / self->widest) {
        PyErr_NoMemory();
        return -1;
    }
    if (reserve(self, cell->text.length * self->widest) < 0)
        return -1;
    char *to = self->out + self->out_length;
    const char *at = cell->text.at, *end = at + cell->text.length;
    while (at < end) {
        const char *run = at;
        while (at < end && self->classes[(unsigned char)*at] != SPECIAL)
            at++;
        memcpy(to, run, (size_t)(at - run));
        to += at - run;
        if (at < end) {
            PyObject *escape = self->escapes[(unsigned char)*at++];
            memcpy(to, PyBytes_AS_STRING(escape), (size_t)PyBytes_GET_SIZE(escape));
            to += PyBytes_GET_SIZE(escape);
        }
    }
    self->out_length = to - self->out;
    return 0;
}

/* --- identity: BLAKE2b of 16 bytes (RFC 7693), of what the caller gives and the row ---------------- */

typedef struct {
    uint64_t state[8];
    uint64_t length;
    unsigned char block[128];
    size_t used;
} Blake;

static const uint64_t blake_start[8] = {
    0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u,
    0x510e527fade682d1u, 0x9b05688c2b3e6c1fu, 0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u,
};

static const unsigned char blake_order[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

#define TURN(x, n) (((x) >> (n)) | ((x) << (64 - (n))))
#define MIX(a, b, c, d, x, y)                                                                              \
    do {                                                                                                   \
        v[a] += v[b] + (x);                                                                                \
        v[d] = TURN(v[d] ^ v[a], 32);                                                                      \
        v[c] += v[d];                                                                                      \
        v[b] = TURN(v[b] ^ v[c], 24);                                                                      \
        v[a] += v[b] + (y);                                                                                \
        v[d] = TURN(v[d] ^ v[a], 16);                                                                      \
        v[c] += v[d];                                                                                      \
        v[b] = TURN(v[b] ^ v[c], 63);                                                                      \
    } while (0)

static void blake_block(Blake *self, const unsigned char *block, int is_last)
{
    uint64_t v[16], m[16];
    for (int i = 0; i < 16; i++) {
        m[i] = 0;
        for (int k = 7; k >= 0; k--)
            m[i] = m[i] << 8 | block[8 * i + k];
    }
    for (int i = 0; i < 8; i++) {
        v[i] = self->state[i];
        v[i + 8] = blake_start[i];
    }
    v[12] ^= self->length;
    if (is_last)
        v[14] = ~v[14];
    for (int round = 0; round < 12; round++) {
        const unsigned char *s = blake_order[round % 10];
        MIX(0, 4, 8, 12, m[s[0]], m[s[1]]);
        MIX(1, 5, 9, 13, m[s[2]], m[s[3]]);
        MIX(2, 6, 10, 14, m[s[4]], m[s[5]]);
        MIX(3, 7, 11, 15, m[s[6]], m[s[7]]);
        MIX(0, 5, 10, 15, m[s[8]], m[s[9]]);
        MIX(1, 6, 11, 12, m[s[10]], m[s[11]]);
        MIX(2, 7, 8, 13, m[s[12]], m[s[13]]);
        MIX(3, 4, 9, 14, m[s[14]], m[s[15]]);
    }
    for (int i = 0; i < 8; i++)
        self->state[i] ^= v[i] ^ v[i + 8];
}

static void blake_add(Blake *self, const char *at, Py_ssize_t length)
{
    size_t left = (size_t)length;
    while (left > 0) {
        if (self->used == 128) { /* not before there is more: the last block is another */
            self->length += 128;
            blake_block(self, self->block, 0);
            self->used = 0;
        }
        size_t some = 128 - self->used < left ? 128 - self->used : left;
        memcpy(self->block + self->used, at, some);
        self->used += some;
        at += some;
        left -= some;
    }
}

static int put_identity(Machine *self, PyObject *seed, const char *row, Py_ssize_t length)
{
    static const char digits[] = "0123456789abcdef";
    Blake blake = {.length = 0, .used = 0};
    memcpy(blake.state, blake_start, sizeof(blake_start));
    blake.state[0] ^= 0x01010000u ^ 16u; /* no key, 16 bytes */
    blake_add(&blake, PyBytes_AS_STRING(seed), PyBytes_GET_SIZE(seed));
    blake_add(&blake, row, length);
    memset(blake.block + blake.used, 0, 128 - blake.used);
    blake.length += blake.used;
    blake_block(&blake, blake.block, 1);
    char text[32];
    for (int i = 0; i < 16; i++) {
        unsigned int byte = (unsigned int)(blake.state[i / 8] >> (8 * (i % 8))) & 0xff;
        text[2 * i] = digits[byte >> 4];
        text[2 * i + 1] = digits[byte & 15];
    }
    return put(self, text, 32);
}

/* --- reading a row ------------------------------------------------------------------------------ */

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
static int split(Machine *self, const char *row, Py_ssize_t length)
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

static int is_filled(const Machine *self, int cell)
{
    const Text *text = &self->cells[cell].text;
    Py_ssize_t absent = PyBytes_GET_SIZE(self->absent);
    return text->length > 0 && !(absent > 0 && text->length == absent &&
                                 memcmp(text->at, PyBytes_AS_STRING(self->absent), (size_t)absent) == 0);
}

static int is_number(const Text *text)
{
    if (text->length > 9 || (text->at[0] == '0' && text->length > 1))
        return 0;
    for (Py_ssize_t i = 0; i < text->length; i++)
        if (text->at[i] < '0' || text->at[i] > '9')
            return 0;
    return 1;
}

static int is_plain(const Machine *self)
{
    for (Py_ssize_t i = 0; i < self->limit_count; i++)
        if (self->cells[self->limits[2 * i]].text.length > self->limits[2 * i + 1])
            return 0;
    for (Py_ssize_t i = 0; i < self->number_count; i++) {
        const Text *text = &self->cells[self->numbers[i]].text;
        if (text->length > 0 && !is_number(text))
            return 0;
    }
    for (Py_ssize_t i = 0; i < self->list_count; i++) {
        const Text *text = &self->cells[self->lists[i]].text;
        if (text->length > 0 && memchr(text->at, '\'', (size_t)text->length) != NULL)
            return 0;
    }
    return 1;
}

/* --- what is remembered ------------------------------------------------------------------------- */

static void forget(Cache *cache)
{
    for (Py_ssize_t i = 0; cache->table != NULL && i < TABLE; i++) {
        Py_CLEAR(cache->table[i].key);
        Py_CLEAR(cache->table[i].found);
    }
    cache->used = 0;
}

static uint64_t hash_of(const char *at, Py_ssize_t length)
{
    uint64_t hash = 0x9e3779b97f4a7c15u ^ (uint64_t)length;
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = (hash ^ word) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
        at += 8;
        length -= 8;
    }
    uint64_t word = 0;
    memcpy(&word, at, (size_t)length);
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    return hash ^ (hash >> 29);
}

/* Sets cache->current; ODD where Python says that the text has nothing to be remembered for. */
static int look_up(Cache *cache, const Cell *cells)
{
    Text text = cells[cache->cell].text;
    Py_ssize_t from = cache->from < text.length ? cache->from : text.length;
    Py_ssize_t to = cache->to >= 0 && cache->to < text.length ? cache->to : text.length;
    text.at += from;
    text.length = to > from ? to - from : 0;
    uint64_t hash = hash_of(text.at, text.length);
    Py_ssize_t place = (Py_ssize_t)(hash & (TABLE - 1));
    while (cache->table[place].key != NULL) {
        Entry *entry = &cache->table[place];
        if (entry->hash == hash && PyBytes_GET_SIZE(entry->key) == text.length &&
            memcmp(PyBytes_AS_STRING(entry->key), text.at, (size_t)text.length) == 0) {
            Py_XSETREF(cache->current, Py_NewRef(entry->found));
            return WRITTEN;
        }
        place = (place + 1) & (TABLE - 1);
    }
    PyObject *key = PyBytes_FromStringAndSize(text.at, text.length);
    if (key == NULL)
        return FAILED;
    PyObject *found = PyObject_CallOneArg(cache->find, key);
    if (found == NULL || found == Py_None) {
        Py_DECREF(key);
        Py_XDECREF(found);
        return found == NULL ? FAILED : ODD;
    }
    int good = PyTuple_Check(found) && PyTuple_GET_SIZE(found) == cache->slots;
    for (Py_ssize_t i = 0; good && i < cache->slots; i++)
        good = PyBytes_Check(PyTuple_GET_ITEM(found, i));
    if (!good) {
        Py_DECREF(key);
        Py_DECREF(found);
        PyErr_SetString(PyExc_TypeError, "Machine: what was looked up is no tuple of so many bytes");
        return FAILED;
    }
    Py_XSETREF(cache->current, Py_NewRef(found));
    if (text.length > LONGEST_KEY) {
        Py_DECREF(key);
        Py_DECREF(found);
        return WRITTEN;
    }
    if (cache->used >= REMEMBERED) {
        forget(cache);
        place = (Py_ssize_t)(hash & (TABLE - 1));
    }
    cache->table[place] = (Entry){hash, key, found};
    cache->used++;
    return WRITTEN;
}

static PyObject *slot_of(const Machine *self, int cache, int slot)
{
    return PyTuple_GET_ITEM(self->caches[cache].current, slot);
}

/* --- writing a row ------------------------------------------------------------------------------ */

static int holds(const Machine *self, const Condition *condition)
{
    if (condition->kind == HAS_SLOT)
        return PyBytes_GET_SIZE(slot_of(self, condition->a, condition->b)) > 0;
    const Text *text = &self->cells[condition->a].text;
    Py_ssize_t length = PyBytes_GET_SIZE(condition->text);
    return text->length != length || memcmp(text->at, PyBytes_AS_STRING(condition->text), (size_t)length) != 0;
}

static int hold_all(const Machine *self, int begin, int end)
{
    for (int i = begin; i < end; i++)
        if (!holds(self, &self->conditions[i]))
            return 0;
    return 1;
}

static int is_wanted(const Machine *self, const Part *part)
{
    if (!is_filled(self, part->a) || !hold_all(self, part->all_begin, part->all_end))
        return 0;
    for (int i = part->groups_begin; i < part->groups_end; i++)
        if (hold_all(self, self->groups[i].begin, self->groups[i].end))
            return 0;
    return 1;
}

static int write_row(Machine *self, PyObject *start, PyObject *seed, const char *row, Py_ssize_t length)
{
    const Cell whole = {{row, length}, 1};
    Py_ssize_t nest_end = -1, nest_begin = 0; /* a nest holds no other */
    const Part *nest = NULL;
    for (Py_ssize_t i = 0; i <= self->part_count; i++) {
        if (i == nest_end) {
            /* what was written inside begins with a separator, which goes before what opens the nest */
            Py_ssize_t opened = PyBytes_GET_SIZE(nest->text);
            if (self->out_length == nest_begin + opened) {
                self->out_length = nest_begin;
            } else {
                char *at = self->out + nest_begin;
                memmove(at + nest->a, at, (size_t)opened);
                memcpy(at, PyBytes_AS_STRING(nest->close), (size_t)nest->a);
                if (put(self, PyBytes_AS_STRING(nest->close) + nest->a,
                        PyBytes_GET_SIZE(nest->close) - nest->a) < 0)
                    return FAILED;
            }
            nest_end = -1;
        }
        if (i == self->part_count)
            break;
        const Part *part = &self->parts[i];
        int failed = 0;
        switch (part->kind) {
        case CONSTANT:
            failed = put_bytes(self, part->text);
            break;
        case CELL:
            failed = put_cell(self, &self->cells[part->a]);
            break;
        case SLOT:
            failed = put_bytes(self, slot_of(self, part->a, part->b));
            break;
        case HEAD: {
            Text text = self->cells[part->a].text;
            failed = put(self, text.at, text.length < part->b ? text.length : part->b);
            break;
        }
        case START:
            failed = put_bytes(self, start);
            break;
        case ROW:
            failed = put_cell(self, &whole);
            break;
        case IDENTITY:
            failed = put_identity(self, seed, row, length);
            break;
        case WHEN:
            if (!is_wanted(self, part))
                i += part->skip;
            break;
        case NEST:
            nest = part;
            nest_begin = self->out_length;
            nest_end = i + 1 + part->skip;
            failed = put_bytes(self, part->text);
            break;
        }
        if (failed < 0)
            return FAILED;
    }
    return WRITTEN;
}

static int report(Machine *self, const char *what)
{
    const Text *event = &self->cells[self->caches[self->events].cell].text;
    PyObject *done = PyObject_CallFunction(self->count, "sy#", what, event->at, event->length);
    Py_XDECREF(done);
    return done == NULL ? FAILED : WRITTEN;
}

static int do_row(Machine *self, const char *row, Py_ssize_t length, PyObject *start, PyObject *seed,
                  int is_first)
{
    if (length > self->longest)
        return ODD;
    if (length > 0 && row[length - 1] == '\r')
        length--;
    if (length > self->scratch_size) {
        char *scratch = PyMem_Realloc(self->scratch, (size_t)length);
        if (scratch == NULL) {
            PyErr_NoMemory();
            return FAILED;
        }
        self->scratch = scratch;
        self->scratch_size = length;
    }
    if (!split(self, row, length) || !is_plain(self))
        return ODD;
    for (Py_ssize_t i = 0; i < self->cache_count; i++) {
        int found = look_up(&self->caches[i], self->cells);
        if (found != WRITTEN)
            return found;
    }
    if (self->unknown >= 0 && PyBytes_GET_SIZE(slot_of(self, self->events, self->unknown)) > 0 &&
        report(self, "unknown_events") < 0)
        return FAILED;
    if (self->dropped >= 0 && PyBytes_GET_SIZE(slot_of(self, self->events, self->dropped)) > 0)
        return report(self, "dropped") < 0 ? FAILED : DROPPED;
    if (!is_first && put(self, "\n", 1) < 0)
        return FAILED;
    return write_row(self, start, seed, row, length);
}

/* run(lines, begin, start, seed) -> (payloads joined by LF, number of the first row left alone, payloads) */
static PyObject *run(Machine *self, PyObject *arguments)
{
    PyObject *lines, *start, *seed;
    Py_ssize_t begin, written = 0;
    if (!PyArg_ParseTuple(arguments, "O!nSS:run", &PyTuple_Type, &lines, &begin, &start, &seed))
        return NULL;
    if (begin < 0 || self->running) {
        PyErr_SetString(PyExc_ValueError, "run: begin is negative, or the machine runs already");
        return NULL;
    }
    self->running = 1;
    self->out_length = 0;
    int done = WRITTEN;
    Py_ssize_t at = begin;
    for (; at < PyTuple_GET_SIZE(lines); at++) {
        PyObject *line = PyTuple_GET_ITEM(lines, at);
        if (!PyBytes_Check(line))
            break;
        done = do_row(self, PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line), start, seed,
                      written == 0);
        if (done == ODD || done == FAILED)
            break;
        written += done == WRITTEN;
    }
    self->running = 0;
    if (done == FAILED)
        return NULL;
    return Py_BuildValue("y#nn", self->out == NULL ? "" : self->out, self->out_length, at, written);
}

/* --- building ----------------------------------------------------------------------------------- */

static void *allocate(Py_ssize_t count, size_t size)
{
    return PyMem_Calloc((size_t)(count > 0 ? count : 1), size);
}

static int read_numbers(PyObject *list, Py_ssize_t **numbers, Py_ssize_t *count, Py_ssize_t below)
{
    *count = PyTuple_GET_SIZE(list);
    *numbers = allocate(*count, sizeof(Py_ssize_t));
    if (*numbers == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < *count; i++) {
        (*numbers)[i] = PyNumber_AsSsize_t(PyTuple_GET_ITEM(list, i), PyExc_OverflowError);
        if ((*numbers)[i] == -1 && PyErr_Occurred())
            return -1;
        if ((*numbers)[i] < 0 || (below > 0 && (*numbers)[i] >= below)) {
            PyErr_SetString(PyExc_ValueError, "Machine: no such cell");
            return -1;
        }
    }
    return 0;
}

static int read_caches(Machine *self, PyObject *list)
{
    Py_ssize_t count = PyTuple_GET_SIZE(list);
    self->caches = allocate(count, sizeof(Cache));
    if (self->caches == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Cache *cache = &self->caches[i];
        PyObject *find;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(list, i), "iinnO", &cache->cell, &cache->slots, &cache->from,
                              &cache->to, &find))
            return -1;
        if (cache->cell < 0 || cache->cell >= self->columns || cache->from < 0 || cache->slots < 0) {
            PyErr_SetString(PyExc_ValueError, "Machine: no such cell");
            return -1;
        }
        cache->find = Py_NewRef(find);
        self->cache_count = i + 1;
        cache->table = allocate(TABLE, sizeof(Entry));
        if (cache->table == NULL) {
            PyErr_NoMemory();
            return -1;
        }
    }
    return 0;
}

static int read_conditions(Machine *self, PyObject *conditions, PyObject *groups)
{
    self->condition_count = PyTuple_GET_SIZE(conditions);
    self->conditions = allocate(self->condition_count, sizeof(Condition));
    self->group_count = PyTuple_GET_SIZE(groups);
    self->groups = allocate(self->group_count, sizeof(Group));
    if (self->conditions == NULL || self->groups == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < self->condition_count; i++) {
        Condition *condition = &self->conditions[i];
        PyObject *text;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(conditions, i), "iiiS", &condition->kind, &condition->a,
                              &condition->b, &text))
            return -1;
        condition->text = Py_NewRef(text);
        Py_ssize_t most = condition->kind == HAS_SLOT ? self->cache_count : self->columns;
        int bad = condition->a < 0 || condition->a >= most || condition->b < 0;
        if (bad || (condition->kind == HAS_SLOT && condition->b >= self->caches[condition->a].slots)) {
            PyErr_SetString(PyExc_ValueError, "Machine: no such cell or cache");
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < self->group_count; i++) {
        Group *group = &self->groups[i];
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(groups, i), "ii", &group->begin, &group->end))
            return -1;
        if (group->begin < 0 || group->end < group->begin || group->end > self->condition_count) {
            PyErr_SetString(PyExc_ValueError, "Machine: no such condition");
            return -1;
        }
    }
    return 0;
}

static int read_parts(Machine *self, PyObject *list)
{
    self->part_count = PyTuple_GET_SIZE(list);
    self->parts = allocate(self->part_count, sizeof(Part));
    if (self->parts == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    Py_ssize_t nested = 0; /* the first part behind the last nest */
    for (Py_ssize_t i = 0; i < self->part_count; i++) {
        Part *part = &self->parts[i];
        PyObject *text, *close;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(list, i), "iiiSSniiii", &part->kind, &part->a, &part->b, &text,
                              &close, &part->skip, &part->all_begin, &part->all_end, &part->groups_begin,
                              &part->groups_end))
            return -1;
        part->text = Py_NewRef(text);
        part->close = Py_NewRef(close);
        Py_ssize_t most = part->kind == SLOT ? self->cache_count : self->columns;
        int bad = part->kind < CONSTANT || part->kind > IDENTITY || part->a < 0 || part->b < 0 || part->skip < 0 ||
                  part->skip >= self->part_count - i || part->all_begin < 0 || part->groups_begin < 0 ||
                  part->all_end > self->condition_count || part->groups_end > self->group_count;
        if (part->kind == NEST) {
            bad |= part->a > PyBytes_GET_SIZE(close) || i < nested;
            nested = i + 1 + part->skip;
        }
        if (part->kind == WHEN)
            bad |= i < nested && i + part->skip >= nested;
        if (part->kind != NEST)
            bad |= part->a >= most;
        if (!bad && part->kind == SLOT)
            bad = part->b >= self->caches[part->a].slots;
        if (bad) {
            PyErr_SetString(PyExc_ValueError, "Machine: a part is not well formed");
            return -1;
        }
    }
    return 0;
}

static int read_escapes(Machine *self, PyObject *escapes)
{
    self->widest = 1;
    for (int byte = 0; byte < 256; byte++)
        self->classes[byte] = byte < 0x20 ? CONTROL : byte >= 0x80 ? HIGH : 0;
    self->classes[','] = COMMA;
    memset(self->specials, ',', SPECIALS); /* where nothing is escaped: a comma is in no cell */
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(escapes, &position, &key, &value)) {
        long byte = PyLong_AsLong(key);
        if (byte < 0x20 || byte >= 0x80 || byte == ',' || !PyBytes_Check(value)) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_ValueError, "Machine: an escape is not well formed");
            return -1;
        }
        self->classes[byte] = SPECIAL;
        Py_XSETREF(self->escapes[byte], Py_NewRef(value));
        for (int k = self->special_count; k < SPECIALS; k++)
            self->specials[k] = (char)byte;
        self->special_count++;
        if (PyBytes_GET_SIZE(value) > self->widest)
            self->widest = PyBytes_GET_SIZE(value);
    }
    return 0;
}

static int machine_init(Machine *self, PyObject *arguments, PyObject *names)
{
    PyObject *caches, *parts, *conditions, *groups, *limits, *numbers, *lists, *escapes, *absent, *count;
    if (self->cells != NULL || names != NULL) {
        PyErr_SetString(PyExc_TypeError, "Machine: made once, without names");
        return -1;
    }
    if (!PyArg_ParseTuple(arguments, "iO!O!O!O!O!O!O!O!SniiiO", &self->columns, &PyTuple_Type, &caches, &PyTuple_Type,
                          &parts, &PyTuple_Type, &conditions, &PyTuple_Type, &groups, &PyTuple_Type, &limits,
                          &PyTuple_Type, &numbers, &PyTuple_Type, &lists, &PyDict_Type, &escapes, &absent,
                          &self->longest, &self->events, &self->unknown, &self->dropped, &count))
        return -1;
    if (self->columns < 1) {
        PyErr_SetString(PyExc_ValueError, "Machine: no columns");
        return -1;
    }
    self->absent = Py_NewRef(absent);
    self->count = Py_NewRef(count);
    self->cells = allocate(self->columns, sizeof(Cell));
    if (self->cells == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (read_escapes(self, escapes) < 0 || read_caches(self, caches) < 0 ||
        read_conditions(self, conditions, groups) < 0 || read_parts(self, parts) < 0 ||
        read_numbers(limits, &self->limits, &self->limit_count, 0) < 0 ||
        read_numbers(numbers, &self->numbers, &self->number_count, self->columns) < 0 ||
        read_numbers(lists, &self->lists, &self->list_count, self->columns) < 0)
        return -1;
    self->limit_count /= 2;
    for (Py_ssize_t i = 0; i < self->limit_count; i++) {
        if (self->limits[2 * i] >= self->columns) {
            PyErr_SetString(PyExc_ValueError, "Machine: no such cell");
            return -1;
        }
    }
    if (self->events < 0 || self->events >= self->cache_count ||
        self->unknown >= self->caches[self->events].slots || self->dropped >= self->caches[self->events].slots) {
        PyErr_SetString(PyExc_ValueError, "Machine: no such cache");
        return -1;
    }
    return 0;
}

static void machine_dealloc(Machine *self)
{
    for (Py_ssize_t i = 0; i < self->cache_count; i++) {
        forget(&self->caches[i]);
        PyMem_Free(self->caches[i].table);
        Py_XDECREF(self->caches[i].find);
        Py_XDECREF(self->caches[i].current);
    }
    for (Py_ssize_t i = 0; self->parts != NULL && i < self->part_count; i++) {
        Py_XDECREF(self->parts[i].text);
        Py_XDECREF(self->parts[i].close);
    }
    for (Py_ssize_t i = 0; self->conditions != NULL && i < self->condition_count; i++)
        Py_XDECREF(self->conditions[i].text);
    for (int byte = 0; byte < 256; byte++)
        Py_XDECREF(self->escapes[byte]);
    PyMem_Free(self->cells);
    PyMem_Free(self->caches);
    PyMem_Free(self->parts);
    PyMem_Free(self->conditions);
    PyMem_Free(self->groups);
    PyMem_Free(self->limits);
    PyMem_Free(self->numbers);
    PyMem_Free(self->lists);
    PyMem_Free(self->out);
    PyMem_Free(self->scratch);
    Py_XDECREF(self->absent);
    Py_XDECREF(self->count);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef machine_methods[] = {
    {"run", (PyCFunction)run, METH_VARARGS, "Rows in, payloads out, up to the first odd row."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject machine_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "exnorm._kernel.Machine",
    .tp_doc = "Runs one program.",
    .tp_basicsize = sizeof(Machine),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)machine_init,
    .tp_dealloc = (destructor)machine_dealloc,
    .tp_methods = machine_methods,
};

static struct PyModuleDef kernel = {PyModuleDef_HEAD_INIT, .m_name = "exnorm._kernel", .m_size = -1};

PyMODINIT_FUNC PyInit__kernel(void)
{
    if (PyType_Ready(&machine_type) < 0)
        return NULL;
    PyObject *module = PyModule_Create(&kernel);
    if (module == NULL)
        return NULL;
    if (PyModule_AddObjectRef(module, "Machine", (PyObject *)&machine_type) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
