/* The module exnorm._kernel. */
#include "machine.h"

/* run(lines, begin, start, seed) -> (payloads joined by LF, number of the first row left alone, payloads) */
static PyObject *run(Machine *self, PyObject *arguments)
{
    PyObject *lines;
    Text start, seed;
    Py_ssize_t begin, written = 0;
    if (!PyArg_ParseTuple(arguments, "O!ny#y#:run", &PyTuple_Type, &lines, &begin, &start.at, &start.length, &seed.at,
                          &seed.length))
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
        Py_ssize_t before = self->out_length;
        if (written > 0 && put(self, "\n", 1) < 0) {
            done = FAILED;
            break;
        }
        done = write_payload(self, PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line), start, seed);
        if (done != WRITTEN)
            self->out_length = before;
        if (done == ODD || done == FAILED)
            break;
        written += done == WRITTEN;
    }
    self->running = 0;
    if (done == FAILED)
        return NULL;
    return Py_BuildValue("y#nn", self->out == NULL ? "" : self->out, self->out_length, at, written);
}

static int machine_init(Machine *self, PyObject *arguments, PyObject *names)
{
    if (self->cells != NULL || names != NULL) {
        PyErr_SetString(PyExc_TypeError, "Machine: made once, without names");
        return -1;
    }
    return build(self, arguments);
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
    {"run_chunk", (PyCFunction)run_chunk, METH_VARARGS, "Events of Fluent Bit in, events out, up to the first odd one."},
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

static PyMethodDef kernel_functions[] = {
    {"find_end", find_end, METH_VARARGS, "Where a value of msgpack ends; -1 where it does not."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef kernel = {
    PyModuleDef_HEAD_INIT, .m_name = "exnorm._kernel", .m_size = -1, .m_methods = kernel_functions,
};

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
