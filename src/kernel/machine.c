/* Runs a program over one row. */
#include "blake2b.h"
#include "machine.h"

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

static int put_identity(Machine *self, Text seed, const char *row, Py_ssize_t length)
{
    static const char digits[] = "0123456789abcdef";
    Blake blake;
    unsigned char digest[16];
    char text[32];
    blake_begin(&blake);
    blake_add(&blake, seed.at, (size_t)seed.length);
    blake_add(&blake, row, (size_t)length);
    blake_end(&blake, digest);
    for (int i = 0; i < 16; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    return put(self, text, 32);
}

/* --- whether a row is plain ------------------------------------------------------------------------ */

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

void forget(Cache *cache)
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

Text find_slot(const Machine *self, int cache, int slot)
{
    PyObject *found = slot_of(self, cache, slot);
    return (Text){PyBytes_AS_STRING(found), PyBytes_GET_SIZE(found)};
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

static int write_row(Machine *self, const char *row, Py_ssize_t length, Text start, Text seed)
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
            failed = put(self, start.at, start.length);
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

int write_payload(Machine *self, const char *row, Py_ssize_t length, Text start, Text seed)
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
    return write_row(self, row, length, start, seed);
}
