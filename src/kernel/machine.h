/* A machine: a plan as exnorm.engine.kernel packs it, and what it needs to run it.
 *
 * It knows no column, field or format of its own: a program is a list of steps, which fill cells behind those of
 * the row, and of parts (a cell, what was looked up, the row itself, each between constant bytes and under
 * conditions). What depends on the texts of some cells is asked of Python once and remembered. A row with
 * anything odd about it is not touched.
 *
 * Memory: a cell is a pointer into the row, which is followed by SLACK bytes that may be read, into a scratch
 * buffer as large as the row, into what was looked up, or into the buffer of a step. A row is written only after
 * room was made for the most it can come to, and SLACK bytes more. Nothing here calls itself.
 *
 * Of Python only what is in the limited API of 3.11 is used, so that one build serves all later ones.
 */
#ifndef EXNORM_MACHINE_H
#define EXNORM_MACHINE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "blake2b.h"

enum { CONSTANT, CELL, SLOT, START, MOMENT, SECOND, FRACTION, WHEN, NEST, ROW, IDENTITY, NOTE }; /* parts */
enum { NOT_TEXT, HAS_SLOT, FITS };                                                              /* conditions */
enum { MEMO, JOIN, GATE, SIFT, CHOOSE, GUARD };                                                     /* steps */
enum { LIMIT, DIGITS, UNWRAPPED };                                                              /* checks */
enum { COMMA = 1, SPECIAL = 2, CONTROL = 4, HIGH = 8 };                      /* classes of bytes */
enum { ODD = 0, WRITTEN = 1, DROPPED = 2, FAILED = -1 };

#define SPECIALS 3
#define SLACK 128 /* bytes that may be read or written behind a text: copying goes in steps of 32, cutting of 64 */
#define TABLE 16384 /* places in a cache, a power of two */
#define LONGEST_NUMBER 24
#define HINTED 65536 /* pairs of bytes */
#define MOMENT_LENGTH 19 /* yyyy-MM-ddTHH:mm:ss */
#define IDENTITY_BYTES 32
#define MOST_HASHED 512 /* rows whose identities wait to be computed together */

typedef struct {
    const char *at;
    Py_ssize_t length;
} Text;

typedef struct {
    Text text;
    int special; /* whether anything in it may have to be escaped */
} Cell;

typedef struct { /* constant bytes, or such bytes around the text that was looked up */
    Text before, after;
    int with_text;
    int special; /* as of a cell */
} Slot;

typedef struct { /* one block of memory: the slots, then the texts they and the key point to, then SLACK */
    Text key;         /* no bytes at all where it stands for every text of a form */
    Py_ssize_t total; /* bytes that all slots come to, without the text in them */
    int remembered;   /* whether the table owns it; if not, the cache does as long as it is current */
    Slot slots[];
} Found;

typedef struct {
    uint64_t hash;
    Found *found;
} Entry;

typedef struct {
    int *cells;
    Py_ssize_t count;
} Cells;

typedef struct { /* what depends on the texts of cells alone: texts for other cells, and behind them slots */
    Cells keys, into;
    int slots;
    PyObject *find;
    Found *for_ipv4; /* what is found for every IPv4 address, or NULL */
    Entry *table;
    Py_ssize_t used;
    Found *current; /* for the row at hand */
    Text text;      /* the first of its keys */
    char *key;      /* several keys, a LF between two of them */
    Py_ssize_t key_size;
} Cache;

typedef struct {
    int kind;
    Cells into, keys;
    int a, b;
    Text text;   /* memory of our own with SLACK behind */
    char *joined; /* of a JOIN; of a SIFT a bit for each two bytes that a hint begins with */
    Py_ssize_t joined_size;
} Step;

typedef struct {
    int kind, cell;
    Py_ssize_t most;
} Check;

typedef struct {
    int cache, slot, drops;
    PyObject *what; /* str */
} Note;

typedef struct {
    int kind, a;
    Py_ssize_t b;
    Text text; /* memory of our own */
} Condition;

typedef struct {
    int kind, a, b;
    Text before, after; /* memory of our own with SLACK behind; of a NEST: what opens and what closes it */
    int when;           /* the cell that must be filled, or -1; of a WHEN and its parts */
    Py_ssize_t limit;   /* most bytes of a CELL, 0 = any; of a NEST the length of the separator */
    PyObject *field;    /* str: whose cut is counted */
    Py_ssize_t skip;    /* parts that belong to a WHEN or a NEST */
    int all_begin, all_end;       /* conditions that must all hold */
    int groups_begin, groups_end; /* groups of which none may hold entirely */
} Part;

typedef struct {
    int begin, end;
} Group;

typedef struct { /* where payloads are written; whoever looks at it holds it */
    Py_ssize_t users, size;
    char bytes[];
} Room;

typedef struct {
    PyObject_HEAD
    int columns, cell_count; /* cells: those of columns, and those that steps fill */
    int separator, times;    /* how many of the first cells are the row's time */
    char quote;                               /* what encloses cells; LF, which is in none, where nothing does */
    Py_ssize_t longest, remembered, longest_key;
    Text absent; /* memory of our own */
    PyObject *count;
    Cell *cells;
    unsigned char *may_be_absent; /* for each cell */
    Step *steps;
    Py_ssize_t step_count;
    Cache *caches;
    Py_ssize_t cache_count;
    Part *parts;
    Py_ssize_t part_count;
    Condition *conditions;
    Py_ssize_t condition_count;
    Group *groups;
    Py_ssize_t group_count;
    Check *checks;
    Py_ssize_t check_count;
    Note *notes;
    Py_ssize_t note_count;
    char moment[MOMENT_LENGTH + SLACK], second[LONGEST_NUMBER + SLACK], fraction[3 + SLACK]; /* the row's time */
    Py_ssize_t second_length;
    unsigned char classes[256];
    Text escapes[128]; /* memory of our own with SLACK behind */
    char specials[SPECIALS]; /* the bytes that are escaped, the last of them repeated */
    int special_count;
    Py_ssize_t widest; /* bytes that one byte may become */
    Py_ssize_t fixed, cell_uses, slot_uses, starts; /* what bounds the length of a payload */
    Room *room;
    char *out; /* the bytes of the room */
    Py_ssize_t out_length, out_size;
    char *scratch; /* for cells with doubled quotes */
    Py_ssize_t scratch_size;
    char *copied; /* for a row with less than SLACK behind it */
    Py_ssize_t copied_size;
    Hashed *hashed; /* rows whose identities are to be written */
    Py_ssize_t hashed_count, identities; /* how many identities stand in a payload */
    int built, running;
} Machine;

extern const char nothing[SLACK + 1]; /* a text without bytes */

/* A line of a block: the row in it without its end, and where the next line begins. */
typedef struct {
    Text row;
    const char *next;
} Line;

/* Makes the payload of one row, without a line end, behind what is in the machine's buffer `out`.
 *
 * `row` may end in CR; `start` begins the payload, `seed` what its identity is made of. WRITTEN: it is
 * there. DROPPED: the row has none. ODD: another must read the row; nothing was written or counted for it.
 * FAILED: a Python exception is set, and what is in the buffer is to be thrown away.
 */
int write_payload(Machine *self, const char *row, Py_ssize_t length, Text start, Text seed);

/* The same for the row at the beginning of a block of lines, each ended by LF; sets where the next begins.
 * The block must stay as it is until write_identities() was called. */
int write_line(Machine *self, const char *at, const char *end, Text start, Text seed, const char **next);

/* The time of the row that was written last, in milliseconds since 1970. */
long long find_time(const Machine *self);

/* A number of so many digits, at most nine; -1 where it is none. */
int read_digits(const char *at, int count);

void write_identities(Machine *self, Text seed);

/* Cuts the row at `at` into cells, up to the LF that must be there; 0 where it is odd. SLACK bytes behind. */
int split(Machine *self, const char *at, Line *line);
int split_slowly(Machine *self, const char *row, Py_ssize_t length);
int is_plain_utf8(const unsigned char *at, Py_ssize_t length);
int make_scratch(char **buffer, Py_ssize_t *size, Py_ssize_t needed);

/* Makes ready for a run: the buffer is empty, and nobody else looks at it. */
int begin_run(Machine *self);
int make_room(Machine *self, Py_ssize_t more);
void leave_room(Room *room);

int build(Machine *self, PyObject *arguments); /* reads a program; -1 with an exception set */
Found *make_found(const Machine *self, PyObject *slots, Py_ssize_t count, Text key, PyObject *after);
void forget(Cache *cache);
void release(Cache *cache);

PyObject *run_chunk(Machine *self, PyObject *arguments);
PyObject *run_events(Machine *self, PyObject *arguments);
PyObject *find_end(PyObject *module, PyObject *arguments);

static inline int reserve(Machine *self, Py_ssize_t more)
{
    return more >= 0 && more <= self->out_size - self->out_length ? 0 : make_room(self, more);
}

static inline int put(Machine *self, const char *at, Py_ssize_t length)
{
    if (reserve(self, length) < 0)
        return -1;
    memcpy(self->out + self->out_length, at, (size_t)length);
    self->out_length += length;
    return 0;
}

/* What bytes hold; they must be bytes, and live as long as it is looked at. */
static inline Text look_at(PyObject *bytes)
{
    return (Text){PyBytes_AsString(bytes), PyBytes_Size(bytes)};
}

static inline int is_same(Text one, const char *at, Py_ssize_t length)
{
    return one.length == length && memcmp(one.at, at, (size_t)length) == 0;
}

#endif
