/* Reads a program as exnorm.native gives it. */
#include "machine.h"

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

int build(Machine *self, PyObject *arguments)
{
    PyObject *caches, *parts, *conditions, *groups, *limits, *numbers, *lists, *escapes, *absent, *count;
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
