/* Reads a program as exnorm.native gives it. */
#include "machine.h"

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
    Py_ssize_t length = PyBytes_GET_SIZE(bytes);
    char *at = PyMem_Calloc((size_t)length + SLACK, 1);
    if (at == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(at, PyBytes_AS_STRING(bytes), (size_t)length);
    PyMem_Free((char *)text->at);
    *text = (Text){at, length};
    return 0;
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
        if ((*numbers)[i] < 0 || (below > 0 && (*numbers)[i] >= below))
            return refuse("no such cell");
    }
    return 0;
}

/* What was found for a text, or where `after` is given, for every text of a form: what stands before it
 * and after it, a slot each, `None` after it where the slot does not hold it. */
Found *make_found(PyObject *slots, int count, Text key, PyObject *after)
{
    int good = PyTuple_Check(slots) && PyTuple_GET_SIZE(slots) == count;
    good = good && (after == NULL || (PyTuple_Check(after) && PyTuple_GET_SIZE(after) == count));
    Py_ssize_t total = 0;
    for (int i = 0; good && i < count; i++) {
        PyObject *last = after == NULL ? Py_None : PyTuple_GET_ITEM(after, i);
        good = PyBytes_Check(PyTuple_GET_ITEM(slots, i)) && (last == Py_None || PyBytes_Check(last));
        if (good)
            total += PyBytes_GET_SIZE(PyTuple_GET_ITEM(slots, i)) + (last == Py_None ? 0 : PyBytes_GET_SIZE(last));
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
    for (int i = 0; i < count; i++) {
        PyObject *texts[2] = {PyTuple_GET_ITEM(slots, i), after == NULL ? Py_None : PyTuple_GET_ITEM(after, i)};
        for (int k = 0; k < 2; k++) {
            Py_ssize_t length = texts[k] == Py_None ? 0 : PyBytes_GET_SIZE(texts[k]);
            if (length > 0)
                memcpy(at, PyBytes_AS_STRING(texts[k]), (size_t)length);
            *(k == 0 ? &found->slots[i].before : &found->slots[i].after) = (Text){at, length};
            at += length;
        }
        found->slots[i].with_text = texts[1] != Py_None;
    }
    if (key.length > 0)
        memcpy(at, key.at, (size_t)key.length);
    found->key = (Text){at, key.length};
    return found;
}

/* Room for a number of one slot and for the text it was computed of, both shorter than LONGEST_NUMBER. */
static int make_computed(Cache *cache)
{
    char *at = PyMem_Calloc(sizeof(Found) + sizeof(Slot) + 2 * LONGEST_NUMBER + SLACK, 1);
    if (at == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    cache->computed = (Found *)(void *)at;
    at += sizeof(Found) + sizeof(Slot);
    cache->computed->slots[0].before = (Text){at, 0};
    cache->computed->key = (Text){at + LONGEST_NUMBER, 0};
    cache->computed->total = LONGEST_NUMBER;
    cache->computed->remembered = 1; /* by the cache, as long as it lives */
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
        PyObject *find, *before, *after;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(list, i), "iinniOOO", &cache->cell, &cache->slots, &cache->from,
                              &cache->to, &cache->form, &find, &before, &after))
            return -1;
        if (cache->cell < 0 || cache->cell >= self->columns || cache->from < 0 || cache->slots < 0)
            return refuse("no such cell");
        if (cache->form < AS_IT_IS || cache->form > FRACTION || (cache->form != AS_IT_IS && cache->slots != 1))
            return refuse("no such form");
        cache->find = Py_NewRef(find);
        self->cache_count = i + 1;
        cache->table = allocate(TABLE, sizeof(Entry));
        if (cache->table == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        if (cache->form != AS_IT_IS && make_computed(cache) < 0)
            return -1;
        if (before != Py_None) {
            cache->for_ipv4 = make_found(before, cache->slots, (Text){NULL, 0}, after);
            if (cache->for_ipv4 == NULL)
                return -1;
            cache->for_ipv4->remembered = 1;
            cache->for_ipv4->key.at = NULL;
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
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(conditions, i), "iinS", &condition->kind, &condition->a,
                              &condition->b, &text))
            return -1;
        condition->text = Py_NewRef(text);
        Py_ssize_t most = condition->kind == HAS_SLOT ? self->cache_count : self->columns;
        int bad = condition->kind < NOT_TEXT || condition->kind > FITS || condition->a < 0 || condition->a >= most ||
                  condition->b < 0;
        if (bad || (condition->kind == HAS_SLOT && condition->b >= self->caches[condition->a].slots))
            return refuse("no such cell or cache");
    }
    for (Py_ssize_t i = 0; i < self->group_count; i++) {
        Group *group = &self->groups[i];
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(groups, i), "ii", &group->begin, &group->end))
            return -1;
        if (group->begin < 0 || group->end < group->begin || group->end > self->condition_count)
            return refuse("no such condition");
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
        PyObject *before, *after;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(list, i), "iiiSSinUniiii", &part->kind, &part->a, &part->b, &before,
                              &after, &part->when, &part->limit, &part->field, &part->skip, &part->all_begin,
                              &part->all_end, &part->groups_begin, &part->groups_end)) {
            part->field = NULL;
            return -1;
        }
        Py_INCREF(part->field);
        if (keep(&part->before, before) < 0 || keep(&part->after, after) < 0)
            return -1;
        Py_ssize_t most = part->kind == SLOT ? self->cache_count : self->columns;
        int bad = part->kind < CONSTANT || part->kind > NOTE || part->a < 0 || part->a >= most || part->b < 0 ||
                  part->limit < 0 || part->when < -1 || part->when >= self->columns || part->skip < 0 ||
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
    Py_ssize_t *uses = allocate(self->columns, sizeof(Py_ssize_t));
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
        if (part->kind == CELL || part->kind == HEAD)
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
    self->classes[','] = COMMA;
    memset(self->specials, ',', SPECIALS); /* where nothing is escaped: a comma is in no cell */
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(escapes, &position, &key, &value)) {
        long byte = PyLong_AsLong(key);
        if (byte < 0x20 || byte >= 0x80 || byte == ',' || !PyBytes_Check(value) || self->special_count == SPECIALS) {
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
        if (PyBytes_GET_SIZE(value) > self->widest)
            self->widest = PyBytes_GET_SIZE(value);
    }
    return 0;
}

int build(Machine *self, PyObject *arguments)
{
    PyObject *caches, *parts, *conditions, *groups, *limits, *numbers, *lists, *escapes, *absent, *count;
    if (!PyArg_ParseTuple(arguments, "iO!O!O!O!O!O!O!O!SniiiO", &self->columns, &PyTuple_Type, &caches, &PyTuple_Type,
                          &parts, &PyTuple_Type, &conditions, &PyTuple_Type, &groups, &PyTuple_Type, &limits,
                          &PyTuple_Type, &numbers, &PyTuple_Type, &lists, &PyDict_Type, &escapes, &absent,
                          &self->longest, &self->events, &self->unknown, &self->dropped, &count))
        return -1;
    if (self->columns < 1)
        return refuse("no columns");
    self->absent = Py_NewRef(absent);
    self->count = Py_NewRef(count);
    self->cells = allocate(self->columns, sizeof(Cell));
    if (self->cells == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (read_escapes(self, escapes) < 0 || read_caches(self, caches) < 0 ||
        read_conditions(self, conditions, groups) < 0 || read_parts(self, parts) < 0 || measure(self) < 0 ||
        read_numbers(limits, &self->limits, &self->limit_count, 0) < 0 ||
        read_numbers(numbers, &self->numbers, &self->number_count, self->columns) < 0 ||
        read_numbers(lists, &self->lists, &self->list_count, self->columns) < 0)
        return -1;
    self->limit_count /= 2;
    for (Py_ssize_t i = 0; i < self->limit_count; i++)
        if (self->limits[2 * i] >= self->columns)
            return refuse("no such cell");
    if (self->events < 0 || self->events >= self->cache_count ||
        self->unknown >= self->caches[self->events].slots || self->dropped >= self->caches[self->events].slots)
        return refuse("no such cache");
    return 0;
}
