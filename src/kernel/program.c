/* Reads a program as exnorm.engine.kernel gives it. */
#include "machine.h"

const char nothing[SLACK + 1] = {0};

static void *allocate(Py_ssize_t count, size_t size)
{
    return PyMem_Calloc((size_t)(count > 0 ? count : 1), size);
}

static int refuse(const char *what)
{
    PyErr_Format(PyExc_ValueError, "Machine: %s", what);
    return -1;
}

/* A copy of bytes with SLACK behind it. */
static int keep(Text *text, PyObject *bytes)
{
    Text given = look_at(bytes);
    char *at = PyMem_Calloc((size_t)given.length + SLACK, 1);
    if (at == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(at, given.at, (size_t)given.length);
    PyMem_Free((char *)text->at);
    *text = (Text){at, given.length};
    return 0;
}

/* Numbers of cells. */
static int read_cells(Machine *self, PyObject *list, Cells *cells)
{
    Py_ssize_t count = PyTuple_Size(list);
    cells->cells = allocate(count, sizeof(int));
    if (cells->cells == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    cells->count = count;
    for (Py_ssize_t i = 0; i < count; i++) {
        long number = PyLong_AsLong(PyTuple_GetItem(list, i));
        if (number == -1 && PyErr_Occurred())
            return -1;
        if (number < 0 || number >= self->cell_count)
            return refuse("no such cell");
        cells->cells[i] = (int)number;
    }
    return 0;
}

/* Whether what was made of a row's texts may have to be escaped. */
static int is_special(const Machine *self, Text text)
{
    for (Py_ssize_t i = 0; i < text.length; i++)
        if (self->classes[(unsigned char)text.at[i]] == SPECIAL)
            return 1;
    return 0;
}

/* What was found for a text, or where `after` is given, for every text of a form: what stands before it
 * and after it, a slot each, `None` after it where the slot does not hold it. */
Found *make_found(const Machine *self, PyObject *slots, Py_ssize_t count, Text key, PyObject *after)
{
    int good = PyTuple_Check(slots) && PyTuple_Size(slots) == count;
    good = good && (after == NULL || (PyTuple_Check(after) && PyTuple_Size(after) == count));
    Py_ssize_t total = 0;
    for (Py_ssize_t i = 0; good && i < count; i++) {
        PyObject *last = after == NULL ? Py_None : PyTuple_GetItem(after, i);
        good = PyBytes_Check(PyTuple_GetItem(slots, i)) && (last == Py_None || PyBytes_Check(last));
        if (good)
            total += PyBytes_Size(PyTuple_GetItem(slots, i)) + (last == Py_None ? 0 : PyBytes_Size(last));
    }
    if (!good) {
        PyErr_SetString(PyExc_TypeError, "Machine: what was looked up is no tuple of so many bytes");
        return NULL;
    }
    size_t fixed = sizeof(Found) + (size_t)count * sizeof(Slot);
    Found *found = PyMem_Calloc(fixed + (size_t)(total + key.length + SLACK), 1);
    if (found == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    found->total = total;
    char *at = (char *)found + fixed;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *texts[2] = {PyTuple_GetItem(slots, i), after == NULL ? Py_None : PyTuple_GetItem(after, i)};
        for (int k = 0; k < 2; k++) {
            Py_ssize_t length = texts[k] == Py_None ? 0 : PyBytes_Size(texts[k]);
            if (length > 0)
                memcpy(at, PyBytes_AsString(texts[k]), (size_t)length);
            *(k == 0 ? &found->slots[i].before : &found->slots[i].after) = (Text){at, length};
            at += length;
        }
        found->slots[i].with_text = texts[1] != Py_None;
        found->slots[i].special = is_special(self, found->slots[i].before);
    }
    if (key.length > 0)
        memcpy(at, key.at, (size_t)key.length);
    found->key = (Text){at, key.length};
    return found;
}

static int read_memo(Machine *self, Step *step, PyObject *find, PyObject *before, PyObject *after)
{
    Cache *cache = &self->caches[self->cache_count++];
    cache->keys = step->keys;
    cache->into = step->into;
    cache->slots = step->a;
    step->a = (int)(self->cache_count - 1);
    cache->find = Py_NewRef(find);
    cache->table = allocate(TABLE, sizeof(Entry));
    if (cache->table == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (cache->slots < 0 || (before != Py_None && cache->keys.count < 1))
        return refuse("a memo is not well formed");
    if (before != Py_None) {
        cache->for_ipv4 = make_found(self, before, cache->into.count + cache->slots, (Text){NULL, 0}, after);
        if (cache->for_ipv4 == NULL)
            return -1;
        cache->for_ipv4->remembered = 1;
        cache->for_ipv4->key.at = NULL;
    }
    return 0;
}

/* Notes how the hints of a SIFT, a LF between two of them, begin. */
static int read_hints(Step *step)
{
    if (make_scratch(&step->joined, &step->joined_size, HINTED / 8) < 0)
        return -1;
    memset(step->joined, 0, HINTED / 8);
    const char *at = step->text.at, *const end = at + step->text.length;
    for (const char *next; at < end; at = next + 1) {
        next = memchr(at, '\n', (size_t)(end - at));
        next = next == NULL ? end : next;
        if (next - at < 2)
            return refuse("a hint is too short");
        unsigned int pair = (unsigned int)(unsigned char)at[0] << 8 | (unsigned char)at[1];
        step->joined[pair / 8] = (char)(step->joined[pair / 8] | 1 << pair % 8);
    }
    return 0;
}

static int read_steps(Machine *self, PyObject *list)
{
    Py_ssize_t count = PyTuple_Size(list);
    self->steps = allocate(count, sizeof(Step));
    self->caches = allocate(count, sizeof(Cache));
    if (self->steps == NULL || self->caches == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Step *step = &self->steps[i];
        PyObject *into, *keys, *text, *find, *before, *after;
        if (!PyArg_ParseTuple(PyTuple_GetItem(list, i), "iO!O!iiSOOO", &step->kind, &PyTuple_Type, &into, &PyTuple_Type,
                              &keys, &step->a, &step->b, &text, &find, &before, &after))
            return -1;
        self->step_count = i + 1;
        if (read_cells(self, into, &step->into) < 0 || read_cells(self, keys, &step->keys) < 0 ||
            keep(&step->text, text) < 0)
            return -1;
        for (Py_ssize_t k = 0; k < step->into.count; k++)
            if (step->into.cells[k] < self->columns)
                return refuse("a step fills a cell of the row");
        Py_ssize_t filled = step->into.count, read = step->keys.count;
        int bad = 0, asks = step->kind == GUARD || (step->kind == GATE && step->a >= 0);
        switch (step->kind) {
        case MEMO: break;
        case JOIN: bad = filled != 1 || read != 2; break;
        case GATE: bad = filled != 1 || read < 1 || read > 2 || (read == 2 && step->a >= 0); break;
        case SIFT: bad = filled != 1 || read != 1; break;
        case CHOOSE: bad = filled != 1 || read < 1; break;
        case GUARD: bad = filled != 0; break;
        default: bad = 1;
        }
        if (asks)
            bad |= step->a < 0 || step->a >= self->cache_count || step->b < 0 || step->b >= self->caches[step->a].slots;
        if (bad)
            return refuse("a step is not well formed");
        if (step->kind == JOIN)
            step->b = is_special(self, step->text);
        if (step->kind == SIFT && read_hints(step) < 0)
            return -1;
        if (step->kind == MEMO && read_memo(self, step, find, before, after) < 0)
            return -1;
    }
    return 0;
}

static int read_checks(Machine *self, PyObject *list)
{
    self->check_count = PyTuple_Size(list);
    self->checks = allocate(self->check_count, sizeof(Check));
    if (self->checks == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < self->check_count; i++) {
        Check *check = &self->checks[i];
        if (!PyArg_ParseTuple(PyTuple_GetItem(list, i), "iin", &check->kind, &check->cell, &check->most))
            return -1;
        if (check->kind < LIMIT || check->kind > UNWRAPPED || check->cell < 0 || check->cell >= self->cell_count ||
            check->most < 0)
            return refuse("no such cell or check");
    }
    return 0;
}

static int read_notes(Machine *self, PyObject *list)
{
    Py_ssize_t count = PyTuple_Size(list);
    self->notes = allocate(count, sizeof(Note));
    if (self->notes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Note *note = &self->notes[i];
        PyObject *what;
        if (!PyArg_ParseTuple(PyTuple_GetItem(list, i), "iiUp", &note->cache, &note->slot, &what, &note->drops))
            return -1;
        note->what = Py_NewRef(what);
        self->note_count = i + 1;
        if (note->cache < 0 || note->cache >= self->cache_count || note->slot < 0 ||
            note->slot >= self->caches[note->cache].slots)
            return refuse("no such slot");
    }
    return 0;
}

static int read_conditions(Machine *self, PyObject *conditions, PyObject *groups)
{
    self->condition_count = PyTuple_Size(conditions);
    self->conditions = allocate(self->condition_count, sizeof(Condition));
    self->group_count = PyTuple_Size(groups);
    self->groups = allocate(self->group_count, sizeof(Group));
    if (self->conditions == NULL || self->groups == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < self->condition_count; i++) {
        Condition *condition = &self->conditions[i];
        PyObject *text;
        if (!PyArg_ParseTuple(PyTuple_GetItem(conditions, i), "iinS", &condition->kind, &condition->a,
                              &condition->b, &text))
            return -1;
        if (keep(&condition->text, text) < 0)
            return -1;
        Py_ssize_t most = condition->kind == HAS_SLOT ? self->cache_count : self->cell_count;
        int bad = condition->kind < NOT_TEXT || condition->kind > FITS || condition->a < 0 || condition->a >= most ||
                  condition->b < 0;
        if (bad || (condition->kind == HAS_SLOT && condition->b >= self->caches[condition->a].slots))
            return refuse("no such cell or cache");
    }
    for (Py_ssize_t i = 0; i < self->group_count; i++) {
        Group *group = &self->groups[i];
        if (!PyArg_ParseTuple(PyTuple_GetItem(groups, i), "ii", &group->begin, &group->end))
            return -1;
        if (group->begin < 0 || group->end < group->begin || group->end > self->condition_count)
            return refuse("no such condition");
    }
    return 0;
}

static int read_parts(Machine *self, PyObject *list)
{
    self->part_count = PyTuple_Size(list);
    self->parts = allocate(self->part_count, sizeof(Part));
    if (self->parts == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    Py_ssize_t nested = 0; /* the first part behind the last nest */
    for (Py_ssize_t i = 0; i < self->part_count; i++) {
        Part *part = &self->parts[i];
        PyObject *before, *after;
        if (!PyArg_ParseTuple(PyTuple_GetItem(list, i), "iiiSSinUniiii", &part->kind, &part->a, &part->b, &before,
                              &after, &part->when, &part->limit, &part->field, &part->skip, &part->all_begin,
                              &part->all_end, &part->groups_begin, &part->groups_end)) {
            part->field = NULL;
            return -1;
        }
        Py_INCREF(part->field);
        if (keep(&part->before, before) < 0 || keep(&part->after, after) < 0)
            return -1;
        Py_ssize_t most = part->kind == SLOT ? self->cache_count : self->cell_count;
        int bad = part->kind < CONSTANT || part->kind > NOTE || part->a < 0 || part->a >= most || part->b < 0 ||
                  part->limit < 0 || part->when < -1 || part->when >= self->cell_count || part->skip < 0 ||
                  part->skip >= self->part_count - i || part->all_begin < 0 || part->groups_begin < 0 ||
                  part->all_end > self->condition_count || part->groups_end > self->group_count;
        if (part->kind == NEST) {
            bad |= part->limit > part->after.length || i < nested || part->when >= 0;
            nested = i + 1 + part->skip;
        }
        if (part->kind == WHEN)
            bad |= i < nested && i + part->skip >= nested;
        if (!bad && part->kind == SLOT)
            bad = part->b >= self->caches[part->a].slots;
        if (bad)
            return refuse("a part is not well formed");
    }
    return 0;
}

/* What bounds the length of a payload: how often at most a cell and a slot stand in it, and all else. */
static int measure(Machine *self)
{
    Py_ssize_t rows = 0, cells = 0, slots = 0;
    Py_ssize_t *uses = allocate(self->cell_count, sizeof(Py_ssize_t));
    if (uses == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < self->part_count; i++) {
        const Part *part = &self->parts[i];
        self->fixed += part->before.length + part->after.length + IDENTITY_BYTES;
        self->starts += part->kind == START;
        rows += part->kind == ROW;
        self->identities += part->kind == IDENTITY;
        if (part->kind == CELL)
            cells = ++uses[part->a] > cells ? uses[part->a] : cells;
        slots += part->kind == SLOT;
    }
    PyMem_Free(uses);
    if (self->identities > MOST_HASHED)
        return refuse("too many identities");
    self->hashed = allocate(self->identities > 0 ? MOST_HASHED : 1, sizeof(Hashed));
    if (self->hashed == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->cell_uses = rows + cells;
    self->slot_uses = slots;
    return 0;
}

static int read_escapes(Machine *self, PyObject *escapes)
{
    self->widest = 1;
    for (int byte = 0; byte < 256; byte++)
        self->classes[byte] = byte < 0x20 ? CONTROL : byte >= 0x80 ? HIGH : 0;
    self->classes[self->separator] = COMMA;
    memset(self->specials, self->separator, SPECIALS); /* where nothing is escaped: it is in no cell of a row */
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(escapes, &position, &key, &value)) {
        long byte = PyLong_AsLong(key);
        if (byte < 0x20 || byte >= 0x80 || byte == self->separator || !PyBytes_Check(value) || self->special_count == SPECIALS) {
            if (!PyErr_Occurred())
                return refuse("an escape is not well formed");
            return -1;
        }
        self->classes[byte] = SPECIAL;
        if (keep(&self->escapes[byte], value) < 0)
            return -1;
        for (int k = self->special_count; k < SPECIALS; k++)
            self->specials[k] = (char)byte;
        self->special_count++;
        if (PyBytes_Size(value) > self->widest)
            self->widest = PyBytes_Size(value);
    }
    return 0;
}

int build(Machine *self, PyObject *arguments)
{
    PyObject *steps, *parts, *conditions, *groups, *checks, *notes, *escapes, *absent, *may_be_absent, *count;
    if (!PyArg_ParseTuple(arguments, "iiiiO!O!O!O!O!O!O!SO!nnnO", &self->columns, &self->cell_count, &self->separator,
                          &self->times, &PyTuple_Type, &steps, &PyTuple_Type, &parts, &PyTuple_Type, &conditions,
                          &PyTuple_Type, &groups, &PyTuple_Type, &checks, &PyTuple_Type, &notes, &PyDict_Type,
                          &escapes, &absent, &PyTuple_Type, &may_be_absent, &self->longest, &self->remembered,
                          &self->longest_key, &count))
        return -1;
    if (self->columns < 1 || self->times < 0 || self->times > 2 || self->columns < self->times || self->cell_count < self->columns)
        return refuse("too few columns");
    if (self->separator != ',' && self->separator != ' ')
        return refuse("no such separator");
    if (self->remembered < 1 || self->remembered > TABLE / 2 || self->longest_key < 0)
        return refuse("too much to remember");
    self->quote = self->separator == ',' ? '"' : '\n';
    self->count = Py_NewRef(count);
    self->cells = allocate(self->cell_count, sizeof(Cell));
    self->may_be_absent = allocate(self->cell_count, 1);
    if (self->cells == NULL || self->may_be_absent == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (keep(&self->absent, absent) < 0)
        return -1;
    for (int i = 0; i < self->cell_count; i++)
        self->cells[i].text.at = nothing; /* where a step is yet to fill it */
    Cells without = {NULL, 0};
    int done = read_cells(self, may_be_absent, &without);
    for (Py_ssize_t i = 0; done == 0 && i < without.count; i++)
        self->may_be_absent[without.cells[i]] = 1;
    PyMem_Free(without.cells);
    if (done < 0 || read_escapes(self, escapes) < 0 || read_steps(self, steps) < 0 ||
        read_conditions(self, conditions, groups) < 0 || read_parts(self, parts) < 0 || measure(self) < 0 ||
        read_checks(self, checks) < 0 || read_notes(self, notes) < 0)
        return -1;
    return 0;
}
