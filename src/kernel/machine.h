/* A machine: the program that exnorm.native makes of a table, and what it needs to run it.
 *
 * It knows no column, field or format of its own: a program is a list of parts (constant bytes, a cell,
 * what was looked up for a cell, a part under a condition), and everything that depends on the text of
 * one column is asked of Python once and remembered. A row with anything odd about it is not touched.
 *
 * Memory: a cell is a pointer into the caller's bytes (held for the call) or into a scratch buffer that
 * is as large as the row; every write is preceded by reserve(). Nothing here calls itself.
 */
#ifndef EXNORM_MACHINE_H
#define EXNORM_MACHINE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

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

/* Makes the payload of one row, without a line end, behind what is in the machine's buffer `out`.
 *
 * `row` may end in CR; `start` begins the payload, `seed` what its identity is made of. WRITTEN: it is
 * there. DROPPED: the row has none. ODD: another must read the row; nothing was written or counted for it.
 * FAILED: a Python exception is set, and what is in the buffer is to be thrown away.
 */
int write_payload(Machine *self, const char *row, Py_ssize_t length, Text start, Text seed);

/* What was looked up for the row that was written last. */
Text find_slot(const Machine *self, int cache, int slot);

/* Cuts a row into cells; 0 where it is odd, 1 where it has the columns it should have. */
int split(Machine *self, const char *row, Py_ssize_t length);

int build(Machine *self, PyObject *arguments); /* reads a program; -1 with an exception set */
void forget(Cache *cache);

PyObject *run_chunk(Machine *self, PyObject *arguments);
PyObject *find_end(PyObject *module, PyObject *arguments);

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

#endif
