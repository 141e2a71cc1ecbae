/* The module exnorm._kernel. */
#include "machine.h"

/* Where the lines end that have SLACK bytes of memory behind each of them. */
static Py_ssize_t find_safe_end(const Py_buffer *block, Py_ssize_t begin, Py_ssize_t end)
{
    const char *bytes = block->buf;
    Py_ssize_t safe = block->len - SLACK < end ? block->len - SLACK : end;
    while (safe > begin && bytes[safe - 1] != '\n')
        safe--;
    return safe > begin ? safe : begin;
}

/* run(block, begin, end, start, seed) -> (where the first line begins that was left alone, rows, payloads)
 *
 * The payloads, each ended by LF, are what the machine gives as a buffer until the next run.
 */
static PyObject *run(Machine *self, PyObject *arguments)
{
    Py_buffer block;
    Text start, seed;
    Py_ssize_t begin, end, rows = 0, payloads = 0;
    if (!PyArg_ParseTuple(arguments, "y*nny#y#:run", &block, &begin, &end, &start.at, &start.length, &seed.at,
                          &seed.length))
        return NULL;
    int done = WRITTEN;
    if (begin < 0 || end < begin || end > block.len) {
        PyErr_SetString(PyExc_ValueError, "Machine: the lines are not within the block");
        done = FAILED;
    } else if (begin_run(self) < 0) {
        done = FAILED;
    } else {
        const char *bytes = block.buf, *at = bytes + begin, *const last = bytes + end;
        const char *const safe = bytes + find_safe_end(&block, begin, end);
        if (make_scratch(&self->scratch, &self->scratch_size, end - begin + SLACK) < 0)
            done = FAILED;
        while (at < last && done != FAILED) {
            Py_ssize_t before = self->out_length;
            const char *next;
            if (at < safe) {
                done = write_line(self, at, safe, start, seed, &next);
            } else {
                next = memchr(at, '\n', (size_t)(last - at));
                done = write_payload(self, at, (next == NULL ? last : next) - at, start, seed);
                next = next == NULL ? last : next + 1;
            }
            if (done == WRITTEN && put(self, "\n", 1) < 0)
                done = FAILED;
            if (done != WRITTEN)
                self->out_length = before;
            if (done == ODD || done == FAILED)
                break;
            rows++;
            payloads += done == WRITTEN;
            at = next;
        }
        if (done != FAILED)
            write_identities(self, seed);
        self->running = 0;
        begin = at - bytes;
    }
    PyBuffer_Release(&block);
    return done == FAILED ? NULL : Py_BuildValue("nnn", begin, rows, payloads);
}

static int look(Machine *self, Py_buffer *view, int flags)
{
    if (self->running || !self->built) {
        PyErr_SetString(PyExc_BufferError, self->built ? "Machine: it runs" : "Machine: it was not made from a program");
        view->obj = NULL;
        return -1;
    }
    if (self->room == NULL && make_room(self, 0) < 0) {
        view->obj = NULL;
        return -1;
    }
    if (PyBuffer_FillInfo(view, (PyObject *)self, self->out, self->out_length, 1, flags) < 0)
        return -1;
    self->room->users++;
    view->internal = self->room;
    return 0;
}

static void look_away(Machine *Py_UNUSED(self), Py_buffer *view)
{
    leave_room(view->internal);
}

static int machine_init(Machine *self, PyObject *arguments, PyObject *names)
{
    if (self->cells != NULL || names != NULL) {
        PyErr_SetString(PyExc_TypeError, "Machine: made once, without names");
        return -1;
    }
    if (build(self, arguments) < 0)
        return -1;
    self->built = 1;
    return 0;
}

static void machine_dealloc(Machine *self)
{
    for (Py_ssize_t i = 0; i < self->cache_count; i++) {
        forget(&self->caches[i]);
        PyMem_Free(self->caches[i].for_ipv4);
        PyMem_Free(self->caches[i].table);
        PyMem_Free(self->caches[i].key);
        Py_XDECREF(self->caches[i].find);
    }
    for (Py_ssize_t i = 0; i < self->step_count; i++) {
        PyMem_Free(self->steps[i].into.cells);
        PyMem_Free(self->steps[i].keys.cells);
        PyMem_Free((char *)self->steps[i].text.at);
        PyMem_Free(self->steps[i].joined);
    }
    for (Py_ssize_t i = 0; i < self->note_count; i++)
        Py_XDECREF(self->notes[i].what);
    for (Py_ssize_t i = 0; self->parts != NULL && i < self->part_count; i++) {
        PyMem_Free((char *)self->parts[i].before.at);
        PyMem_Free((char *)self->parts[i].after.at);
        Py_XDECREF(self->parts[i].field);
    }
    for (Py_ssize_t i = 0; self->conditions != NULL && i < self->condition_count; i++)
        PyMem_Free((char *)self->conditions[i].text.at);
    for (int byte = 0; byte < 128; byte++)
        PyMem_Free((char *)self->escapes[byte].at);
    PyMem_Free(self->cells);
    PyMem_Free(self->caches);
    PyMem_Free(self->parts);
    PyMem_Free(self->conditions);
    PyMem_Free(self->groups);
    PyMem_Free(self->checks);
    PyMem_Free(self->notes);
    PyMem_Free(self->steps);
    PyMem_Free(self->may_be_absent);
    PyMem_Free(self->scratch);
    PyMem_Free(self->copied);
    PyMem_Free(self->hashed);
    leave_room(self->room);
    PyMem_Free((char *)self->absent.at);
    Py_XDECREF(self->count);
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyMethodDef machine_methods[] = {
    {"run", (PyCFunction)run, METH_VARARGS, "Lines in, payloads out, up to the first odd row."},
    {"run_chunk", (PyCFunction)run_chunk, METH_VARARGS, "Events of Fluent Bit in, events out, up to the first odd one."},
    {"run_events", (PyCFunction)run_events, METH_VARARGS, "Events of Logstash in, events out, up to the first odd one."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot machine_slots[] = {
    {Py_tp_doc, "Runs one program; a buffer of the payloads of its last run."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, machine_init},
    {Py_tp_dealloc, machine_dealloc},
    {Py_tp_methods, machine_methods},
    {Py_bf_getbuffer, look},
    {Py_bf_releasebuffer, look_away},
    {0, NULL},
};

static PyType_Spec machine_spec = {
    .name = "exnorm._kernel.Machine",
    .basicsize = sizeof(Machine),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = machine_slots,
};

static PyMethodDef kernel_functions[] = {
    {"find_end", find_end, METH_VARARGS, "Where a value of msgpack ends; -1 where it does not."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef kernel = {
    PyModuleDef_HEAD_INIT, .m_name = "exnorm._kernel", .m_size = -1, .m_methods = kernel_functions,
};

/* What exnorm.engine.kernel says by number. */
static const struct {
    const char *name;
    int number;
} numbers[] = {
    {"CONSTANT", CONSTANT}, {"CELL", CELL}, {"SLOT", SLOT}, {"START", START}, {"MOMENT", MOMENT}, {"SECOND", SECOND},
    {"FRACTION", FRACTION}, {"WHEN", WHEN}, {"NEST", NEST}, {"ROW", ROW}, {"IDENTITY", IDENTITY}, {"NOTE", NOTE},
    {"NOT_TEXT", NOT_TEXT}, {"HAS_SLOT", HAS_SLOT}, {"FITS", FITS}, {"MEMO", MEMO}, {"JOIN", JOIN}, {"GATE", GATE}, {"SIFT", SIFT},
    {"CHOOSE", CHOOSE}, {"GUARD", GUARD}, {"LIMIT", LIMIT}, {"DIGITS", DIGITS}, {"UNWRAPPED", UNWRAPPED},
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    PyObject *module = PyModule_Create(&kernel);
    if (module == NULL)
        return NULL;
    PyObject *type = PyType_FromSpec(&machine_spec);
    int done = PyModule_AddObjectRef(module, "Machine", type); /* -1 where the type is none */
    Py_XDECREF(type);
    for (size_t i = 0; done == 0 && i < sizeof numbers / sizeof *numbers; i++)
        done = PyModule_AddIntConstant(module, numbers[i].name, numbers[i].number);
    if (done < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
