/*
 * The filter "exchange" of Fluent Bit: hands each batch of events to exnorm, in a Python inside this
 * process. Everything that is known of Exchange, ArcSight or JSA is in Python.
 *
 * It is compiled without a header of Fluent Bit or Python on purpose. The structures of Fluent Bit
 * differ from one release to the next, so a filter built against the headers of one crashes in
 * another. What is used here has been the same since 2.2: the head of the structure that a filter
 * registers, a few exported functions, and of Python its stable interface. One file serves them all.
 *
 * Build: exnorm fluentbit build        (it passes the -D below)
 *   EXNORM_LIBPYTHON  the shared library of the Python that exnorm is installed in
 *   EXNORM_PYTHON     its version as "3.11"
 *   EXNORM_PREFIX     the Python to use outside of a virtual environment; nobody else can write there
 *   EXNORM_SITE       only where this file is not put beside exnorm: the folder that holds exnorm
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <wchar.h>

/* --- what is used of Fluent Bit ----------------------------------------------------------------- */

enum { LOG_ERROR = 1, LOG_WARNING = 2, LOG_INFO = 3 };
enum { FILTER_MODIFIED = 1, FILTER_UNTOUCHED = 2 };
enum { EVENTS_LOGS = 1 };

struct list {               /* struct mk_list */
    struct list *previous;
    struct list *next;
};

struct pair {               /* struct flb_kv */
    char *key;
    char *value;
    struct list link;
};

struct plugin {             /* the head of struct flb_filter_plugin */
    int event_type;
    int flags;
    char *name;
    char *description;
    void *config_map;
    int (*pre_run)(void *, void *, void *);
    int (*init)(void *, void *, void *);
    int (*filter)(const void *, size_t, const char *, int, void **, size_t *,
                  void *, void *, void *, void *);
    int (*exit)(void *, void *);
    int (*notification)(void *, void *, void *);
    char rest[1024];        /* the host copies its own structure's size, which may be longer */
};

static void (*set_context)(void *, void *);
static const char *(*get_property)(const char *, void *);
static int (*set_property)(void *, const char *, const char *);
static const char *(*instance_name)(void *);
static void (*print_log)(int, const char *, int, const char *, ...);
static void *(*open_decoder)(char *, size_t);
static int (*decode_next)(void *, void *);
static void (*close_decoder)(void *);

/* --- what is used of Python, all of it in its stable interface ------------------------------------ */

typedef void object;
typedef object *(*c_function)(object *, object *);

struct method {             /* struct PyMethodDef */
    const char *name;
    c_function function;
    int flags;
    const char *doc;
};
enum { METH_VARARGS = 1 };

static struct {
    int (*Py_IsInitialized)(void);
    void (*Py_InitializeEx)(int);
    const char *(*Py_GetVersion)(void);
    wchar_t *(*Py_DecodeLocale)(const char *, size_t *);
    void (*Py_SetProgramName)(const wchar_t *);
    void (*Py_DecRef)(object *);
    void (*Py_IncRef)(object *);
    void *(*PyEval_SaveThread)(void);
    int (*PyGILState_Ensure)(void);
    void (*PyGILState_Release)(int);
    object *(*PyImport_ImportModule)(const char *);
    object *(*PyObject_GetAttrString)(object *, const char *);
    object *(*PyObject_CallFunctionObjArgs)(object *, ...);
    object *(*PyCFunction_NewEx)(struct method *, object *, object *);
    int (*PyArg_ParseTuple)(object *, const char *, ...);
    object *(*PyUnicode_DecodeUTF8)(const char *, intptr_t, const char *);
    object *(*PyBytes_FromStringAndSize)(const char *, intptr_t);
    int (*PyBytes_AsStringAndSize)(object *, char **, intptr_t *);
    object *(*PyList_New)(intptr_t);
    int (*PyList_Append)(object *, object *);
    int (*PyList_Insert)(object *, intptr_t, object *);
    int (*PySequence_Contains)(object *, object *);
    object *(*PySys_GetObject)(const char *);
    object *(*PyLong_FromLong)(long);
    object *(*PyObject_Str)(object *);
    const char *(*PyUnicode_AsUTF8AndSize)(object *, intptr_t *);
    void (*PyErr_Clear)(void);
    void (*PyErr_Fetch)(object **, object **, object **);
    void (*PyErr_NormalizeException)(object **, object **, object **);
    object *none;           /* &_Py_NoneStruct */
} py;

static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;
static int python_started;  /* by this filter: another one's interpreter is not ours to use */
static int instances_ended; /* more than none: what starts now is a hot reload */

struct context {
    object *made;           /* what Python made, or NULL: pass everything on */
    object *filter;         /* its method */
    char name[64];
};

struct ended {              /* what ended by its name, so that a reload with wrong settings can go on with it */
    object *made;
    struct ended *next;
    char name[64];
};
static struct ended *ended;

/* --- words for the log ---------------------------------------------------------------------------- */

static void say(int level, const char *name, const char *format, ...)
{
    char text[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (print_log) {
        print_log(level, NULL, 0, "[filter:exchange:%s] %s", name, text);
    }
    else {
        fprintf(stderr, "[filter:exchange:%s] %s\n", name, text);
    }
}

static object *say_from_python(object *self, object *arguments)
{
    int level;
    const char *name;
    const char *text;

    (void) self;
    if (!py.PyArg_ParseTuple(arguments, "iss", &level, &name, &text)) {
        return NULL;
    }
    say(level, name, "%s", text);
    py.Py_IncRef(py.none);
    return py.none;
}

static struct method log_method = {"log", say_from_python, METH_VARARGS, NULL};

/* How many events the host itself finds in a chunk; -1 where it does not say. */
static object *count_from_python(object *self, object *arguments)
{
    union {
        char bytes[1024];   /* an event, which is a few pointers and a time */
        max_align_t align;
    } event;
    object *chunk;
    char *bytes;
    intptr_t length;
    long count = -1;
    void *decoder;

    (void) self;
    if (!py.PyArg_ParseTuple(arguments, "S", &chunk) || py.PyBytes_AsStringAndSize(chunk, &bytes, &length) != 0) {
        return NULL;
    }
    decoder = open_decoder && decode_next && close_decoder ? open_decoder(bytes, (size_t) length) : NULL;
    if (decoder) {
        for (count = 0; decode_next(decoder, &event) == 0; count++) {
        }
        close_decoder(decoder);
    }
    return py.PyLong_FromLong(count);
}

static struct method count_method = {"count", count_from_python, METH_VARARGS, NULL};

/* Says in one line what Python could not do. */
static void say_exception(const char *name, const char *what)
{
    object *type = NULL;
    object *value = NULL;
    object *trace = NULL;
    object *text;
    const char *words;

    py.PyErr_Fetch(&type, &value, &trace);
    py.PyErr_NormalizeException(&type, &value, &trace);
    text = value ? py.PyObject_Str(value) : NULL;
    words = text ? py.PyUnicode_AsUTF8AndSize(text, NULL) : NULL;
    say(LOG_ERROR, name, "%s: %.1000s", what, words ? words : "no reason given");
    py.PyErr_Clear();
    if (text) py.Py_DecRef(text);
    if (trace) py.Py_DecRef(trace);
    if (value) py.Py_DecRef(value);
    if (type) py.Py_DecRef(type);
}

/* --- the host ------------------------------------------------------------------------------------- */

static int find_host(void)
{
    print_log = (void (*)(int, const char *, int, const char *, ...)) dlsym(RTLD_DEFAULT, "flb_log_print");
    set_context = (void (*)(void *, void *)) dlsym(RTLD_DEFAULT, "flb_filter_set_context");
    get_property = (const char *(*)(const char *, void *)) dlsym(RTLD_DEFAULT, "flb_filter_get_property");
    set_property = (int (*)(void *, const char *, const char *)) dlsym(RTLD_DEFAULT, "flb_filter_set_property");
    instance_name = (const char *(*)(void *)) dlsym(RTLD_DEFAULT, "flb_filter_name");
    open_decoder = (void *(*)(char *, size_t)) dlsym(RTLD_DEFAULT, "flb_log_event_decoder_create");
    decode_next = (int (*)(void *, void *)) dlsym(RTLD_DEFAULT, "flb_log_event_decoder_next");
    close_decoder = (void (*)(void *)) dlsym(RTLD_DEFAULT, "flb_log_event_decoder_destroy");
    /* processors came together with the callbacks as they are declared above */
    return print_log && set_context && get_property && set_property && instance_name &&
           dlsym(RTLD_DEFAULT, "flb_processor_unit_create") != NULL;
}

/* Reads memory that may not be there: the kernel refuses where a plain read would end the process. */
static int read_memory(const void *from, void *to, size_t size)
{
    struct iovec here = {to, size};
    struct iovec there = {(void *) from, size};
    ssize_t got = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    int channel[2];
    int whole;

    if (got >= 0 || errno == EFAULT) {
        return got == (ssize_t) size;
    }
    if (pipe(channel) != 0) { /* some containers forbid that call; a pipe refuses the same */
        return 0;
    }
    whole = write(channel[1], from, size) == (ssize_t) size && read(channel[0], to, size) == (ssize_t) size;
    close(channel[0]);
    close(channel[1]);
    return whole;
}

/*
 * The list of an instance's properties. There is no function that gives it, and where it lies in the
 * instance differs by release. So a property of our own is added, which stands last in the list, and
 * the list is known by leading to it.
 */
static struct list *find_properties(void *instance)
{
    static const char marker[] = "_exnorm";
    enum { WORDS = 64 };
    struct list *words = instance;
    struct list *found = NULL;
    struct list seen;
    const char *value;
    char *candidate[2];     /* a pair: its key and its value stand before its link */
    char key[sizeof(marker)];
    int at;

    if (set_property(instance, marker, "1") != 0 || !(value = get_property(marker, instance))) {
        return NULL;
    }
    for (at = 0; at < WORDS && !found; at++) {
        struct list *head = (struct list *) ((void **) words + at);

        if (!read_memory(head, &seen, sizeof(seen))) {
            break;
        }
        if ((uintptr_t) seen.previous < 4096 || (uintptr_t) seen.previous % sizeof(void *) != 0) {
            continue;
        }
        if (read_memory((void **) seen.previous - 2, candidate, sizeof(candidate)) && candidate[1] == value &&
            read_memory(candidate[0], key, sizeof(key)) && memcmp(key, marker, sizeof(key)) == 0) {
            found = head;
        }
    }
    return found;
}

static object *text_object(const char *text)
{
    return py.PyUnicode_DecodeUTF8(text, (intptr_t) strlen(text), "surrogateescape");
}

static int append_text(object *list, const char *text)
{
    object *item = text_object(text ? text : "");
    int result = item ? py.PyList_Append(list, item) : -1;

    if (item) {
        py.Py_DecRef(item);
    }
    return result;
}

/* Keys and values one after the other; NULL where this host does not show them. */
static object *list_properties(void *instance)
{
    struct list *head = find_properties(instance);
    struct list *link;
    object *list;

    if (!head) {
        return NULL;
    }
    list = py.PyList_New(0);
    for (link = head->next; list && link != head; link = link->next) {
        struct pair *pair = (struct pair *) ((char *) link - offsetof(struct pair, link));

        if (pair->key[0] == '_') {
            continue;
        }
        if (append_text(list, pair->key) != 0 || append_text(list, pair->value) != 0) {
            py.Py_DecRef(list);
            list = NULL;
        }
    }
    return list;
}

/* --- the interpreter ------------------------------------------------------------------------------ */

static void cut_last(char *path)
{
    char *slash = strrchr(path, '/');

    *(slash ? slash : path) = '\0';
}

/* The folder that holds exnorm: this file lies in exnorm/fluentbit/ below it. */
static int find_site(char *site, size_t size)
{
#ifdef EXNORM_SITE
    snprintf(site, size, "%s", EXNORM_SITE);
#else
    Dl_info info;
    char *real;
    int level;

    if (!dladdr((void *) find_site, &info) || !info.dli_fname || !(real = realpath(info.dli_fname, NULL))) {
        return -1;
    }
    snprintf(site, size, "%s", real);
    free(real);
    for (level = 0; level < 3; level++) {
        cut_last(site);
    }
#endif
    return 0;
}

/* The virtual environment that the folder belongs to, else the Python of the time of building. */
static void find_program(const char *site, char *program, size_t size)
{
    char prefix[4096];
    char marker[4200];
    int level;

    snprintf(prefix, sizeof(prefix), "%s", site);
    for (level = 0; level < 3; level++) {
        cut_last(prefix);
    }
    snprintf(marker, sizeof(marker), "%s/pyvenv.cfg", prefix);
    snprintf(program, size, "%s/bin/python", access(marker, R_OK) == 0 ? prefix : EXNORM_PREFIX);
}

static const char *find_symbols(void *library)
{
#define FIND(symbol)                                                                                       \
    *(void **) &py.symbol = dlsym(library, #symbol);                                                         \
    if (!py.symbol) {                                                                                        \
        return #symbol;                                                                                      \
    }
    FIND(Py_IsInitialized) FIND(Py_InitializeEx) FIND(Py_GetVersion) FIND(Py_DecodeLocale)
    FIND(Py_SetProgramName) FIND(Py_DecRef) FIND(Py_IncRef) FIND(PyEval_SaveThread)
    FIND(PyGILState_Ensure) FIND(PyGILState_Release) FIND(PyImport_ImportModule)
    FIND(PyObject_GetAttrString) FIND(PyObject_CallFunctionObjArgs) FIND(PyCFunction_NewEx)
    FIND(PyArg_ParseTuple) FIND(PyUnicode_DecodeUTF8) FIND(PyBytes_FromStringAndSize)
    FIND(PyBytes_AsStringAndSize) FIND(PyList_New) FIND(PyList_Append)
    FIND(PyList_Insert) FIND(PySequence_Contains) FIND(PySys_GetObject) FIND(PyLong_FromLong)
    FIND(PyObject_Str) FIND(PyUnicode_AsUTF8AndSize) FIND(PyErr_Clear) FIND(PyErr_Fetch)
    FIND(PyErr_NormalizeException)
#undef FIND
    py.none = dlsym(library, "_Py_NoneStruct");
    return py.none ? NULL : "_Py_NoneStruct";
}

static void set_flag(void *library, const char *name)
{
    int *flag = dlsym(library, name);

    if (flag) {
        *flag = 1;
    }
}

/*
 * Put the folder that holds exnorm where Python looks, where it is not there by itself: in front, as
 * Python does with the folder of a script, and with what is installed beside it.
 */
static int add_site(const char *site)
{
    object *search = py.PySys_GetObject("path"); /* borrowed */
    object *path = text_object(site);
    object *module = py.PyImport_ImportModule("site");
    object *add = module ? py.PyObject_GetAttrString(module, "addsitedir") : NULL;
    object *done = NULL;
    int result = -1;

    if (search && path && py.PySequence_Contains(search, path) == 1) {
        result = 0;
    }
    else if (search && path && add && py.PyList_Insert(search, 0, path) == 0) {
        done = py.PyObject_CallFunctionObjArgs(add, path, NULL);
        result = done ? 0 : -1;
    }
    py.PyErr_Clear();
    if (done) py.Py_DecRef(done);
    if (add) py.Py_DecRef(add);
    if (module) py.Py_DecRef(module);
    if (path) py.Py_DecRef(path);
    return result;
}

/*
 * A Python runs in this process already. Where this filter started it, from another virtual environment,
 * a reload goes on with the exnorm that is there: Python cannot be ended and begun anew.
 */
static int join_python(const char *name)
{
    object *modules;
    object *word;
    int is_ours = 0;
    int lock;

    if (find_symbols(RTLD_DEFAULT) == NULL) {
        lock = py.PyGILState_Ensure();
        modules = py.PySys_GetObject("modules"); /* borrowed */
        word = text_object("exnorm.fluentbit.embedded");
        is_ours = modules && word && py.PySequence_Contains(modules, word) == 1;
        py.PyErr_Clear();
        if (word) py.Py_DecRef(word);
        py.PyGILState_Release(lock);
    }
    if (!is_ours) {
        say(LOG_ERROR, name, "another plugin has started a Python in this process already; only one fits in");
        return -1;
    }
    say(LOG_WARNING, name, "another virtual environment needs a restart of Fluent Bit; until then it goes on "
        "with the exnorm that it was started with");
    python_started = 1;
    instances_ended = 1; /* of the other one */
    return 0;
}

/*
 * Starts Python once in the life of the process, and never at load time: Fluent Bit may still fork
 * (-d, --supervisor). The environment and the locale of the process stay as they are.
 */
static int start_python(const char *name)
{
    static wchar_t *program_name; /* Python keeps the pointer */
    char site[4096];
    char program[4200];
    const char *missing;
    char *locale;
    void *library;
    int (*is_initialized)(void);

    if (python_started) {
        return 0;
    }
    is_initialized = (int (*)(void)) dlsym(RTLD_DEFAULT, "Py_IsInitialized");
    if (is_initialized && is_initialized()) {
        return join_python(name);
    }
    /* global, else extension modules would not find the functions of Python */
    library = dlopen(EXNORM_LIBPYTHON, RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
        say(LOG_ERROR, name, "cannot load Python %s: %s; expected the one that exnorm was installed "
            "with: run 'exnorm fluentbit build'", EXNORM_PYTHON, dlerror());
        return -1;
    }
    missing = find_symbols(library);
    if (missing) {
        say(LOG_ERROR, name, "%s has no %s; this filter knows Python 3.10 to 3.14", EXNORM_LIBPYTHON, missing);
        return -1;
    }
    if (strncmp(py.Py_GetVersion(), EXNORM_PYTHON ".", sizeof(EXNORM_PYTHON)) != 0) {
        say(LOG_ERROR, name, "%s is Python %.10s; expected %s: run 'exnorm fluentbit build'",
            EXNORM_LIBPYTHON, py.Py_GetVersion(), EXNORM_PYTHON);
        return -1;
    }
    if (find_site(site, sizeof(site)) != 0) {
        say(LOG_ERROR, name, "cannot tell where this file lies");
        return -1;
    }
    find_program(site, program, sizeof(program));
    set_flag(library, "Py_IgnoreEnvironmentFlag"); /* a PYTHONHOME of someone else would end the process */
    set_flag(library, "Py_NoUserSiteDirectory");
    set_flag(library, "Py_DontWriteBytecodeFlag");
    set_flag(library, "Py_UTF8Mode");
    locale = setlocale(LC_CTYPE, NULL);
    locale = locale ? strdup(locale) : NULL;
    program_name = py.Py_DecodeLocale(program, NULL);
    py.Py_SetProgramName(program_name);
    py.Py_InitializeEx(0); /* no signal handlers: they are the host's */
    if (locale) {
        setlocale(LC_CTYPE, locale);
        free(locale);
    }
    if (add_site(site) != 0) {
        say(LOG_ERROR, name, "cannot add %s to Python's path", site);
    }
    py.PyEval_SaveThread();
    python_started = 1;
    return 0;
}

/* --- the callbacks -------------------------------------------------------------------------------- */

/* What the filter of that name was before it ended, for whom the caller then answers; NULL where there was none. */
static object *take_ended(const char *name)
{
    struct ended **link = &ended;
    struct ended *one;
    object *made;

    while (*link && strcmp((*link)->name, name) != 0) {
        link = &(*link)->next;
    }
    one = *link;
    if (!one) {
        return NULL;
    }
    *link = one->next;
    made = one->made;
    free(one);
    return made;
}

/* Keeps what ended; called with the interpreter's lock, as the above is. */
static void keep_ended(const char *name, object *made)
{
    object *before = take_ended(name);
    struct ended *one = calloc(1, sizeof(*one));

    if (before) py.Py_DecRef(before);
    if (!one) {
        py.Py_DecRef(made);
        return;
    }
    snprintf(one->name, sizeof(one->name), "%s", name);
    one->made = made;
    one->next = ended;
    ended = one;
}

/* Asks Python for a filter with these properties; it says itself what is wrong with them. */
static int open_filter(struct context *context, void *instance)
{
    object *module = py.PyImport_ImportModule("exnorm.fluentbit.embedded");
    object *start = module ? py.PyObject_GetAttrString(module, "start") : NULL;
    object *log;
    object *count;
    object *name;
    object *properties;
    object *before;
    object *made = NULL;

    if (!start) {
        say_exception(context->name, "cannot import exnorm");
    }
    before = take_ended(context->name);
    log = py.PyCFunction_NewEx(&log_method, NULL, NULL);
    count = py.PyCFunction_NewEx(&count_method, NULL, NULL);
    name = text_object(context->name);
    properties = start ? list_properties(instance) : NULL;
    if (start && !properties) {
        say(LOG_ERROR, context->name, "this Fluent Bit does not show its settings the way 2.2 to 5.1 do");
    }
    else if (properties && log && count && name) {
        made = py.PyObject_CallFunctionObjArgs(start, name, properties, log, count, before ? before : py.none, NULL);
    }
    if (made && made != py.none) {
        context->filter = py.PyObject_GetAttrString(made, "filter");
    }
    py.PyErr_Clear();
    if (context->filter) {
        context->made = made;
    }
    else if (made) {
        py.Py_DecRef(made);
    }
    if (before) py.Py_DecRef(before);
    if (properties) py.Py_DecRef(properties);
    if (name) py.Py_DecRef(name);
    if (count) py.Py_DecRef(count);
    if (log) py.Py_DecRef(log);
    if (start) py.Py_DecRef(start);
    if (module) py.Py_DecRef(module);
    return context->filter ? 0 : -1;
}

static int start_filter(void *instance, void *config, void *data)
{
    struct context *context;
    int result;
    int lock;

    (void) config;
    (void) data;
    if (!find_host()) {
        say(LOG_ERROR, "?", "this host is not known: expected Fluent Bit 2.2 or newer");
        return -1;
    }
    context = calloc(1, sizeof(*context));
    if (!context) {
        return -1;
    }
    snprintf(context->name, sizeof(context->name), "%s", instance_name(instance));
    pthread_mutex_lock(&starting);
    result = start_python(context->name);
    if (result == 0) {
        lock = py.PyGILState_Ensure();
        result = open_filter(context, instance);
        py.PyGILState_Release(lock);
    }
    if (result != 0 && instances_ended) {
        /* at a reload, Fluent Bit would end: events in hand are worth more than a strict word */
        say(LOG_ERROR, context->name, "not reloaded: until the settings are right, events pass unchanged");
        result = 0;
    }
    pthread_mutex_unlock(&starting);
    if (result != 0) {
        free(context);
        return -1;
    }
    set_context(instance, context);
    return 0;
}

static int filter_chunk(const void *data, size_t size, const char *tag, int tag_size, void **out,
                        size_t *out_size, void *instance, void *input, void *opaque, void *config)
{
    struct context *context = opaque;
    object *tag_object;
    object *chunk;
    object *made = NULL;
    char *bytes;
    intptr_t length;
    int result = FILTER_UNTOUCHED;
    int lock;

    (void) instance;
    (void) input;
    (void) config;
    if (!context || !context->filter) {
        return FILTER_UNTOUCHED;
    }
    lock = py.PyGILState_Ensure();
    tag_object = py.PyUnicode_DecodeUTF8(tag, tag_size, "surrogateescape");
    chunk = py.PyBytes_FromStringAndSize(data, (intptr_t) size);
    if (tag_object && chunk) {
        made = py.PyObject_CallFunctionObjArgs(context->filter, tag_object, chunk, NULL);
    }
    if (made && made != py.none && py.PyBytes_AsStringAndSize(made, &bytes, &length) == 0) {
        *out = malloc(length > 0 ? (size_t) length : 1);
        if (*out) {
            memcpy(*out, bytes, (size_t) length);
            *out_size = (size_t) length;
            result = FILTER_MODIFIED;
        }
    }
    py.PyErr_Clear(); /* Python itself has said what it was */
    if (made) py.Py_DecRef(made);
    if (chunk) py.Py_DecRef(chunk);
    if (tag_object) py.Py_DecRef(tag_object);
    py.PyGILState_Release(lock);
    return result;
}

/* The interpreter stays: it cannot be taken down and started again with the modules it has loaded. */
static int end_filter(void *opaque, void *config)
{
    struct context *context = opaque;
    object *close;
    object *done;
    int lock;

    (void) config;
    if (!context) {
        return 0;
    }
    instances_ended++;
    if (context->filter) {
        lock = py.PyGILState_Ensure();
        close = py.PyObject_GetAttrString(context->made, "close");
        done = close ? py.PyObject_CallFunctionObjArgs(close, NULL) : NULL;
        py.PyErr_Clear();
        if (done) py.Py_DecRef(done);
        if (close) py.Py_DecRef(close);
        py.Py_DecRef(context->filter);
        keep_ended(context->name, context->made);
        py.PyGILState_Release(lock);
    }
    free(context);
    return 0;
}

__attribute__((visibility("default"))) struct plugin filter_exchange_plugin = {
    .event_type = EVENTS_LOGS,
    .name = "exchange",
    .description = "Microsoft Exchange logs as events for ArcSight or JSA",
    .init = start_filter,
    .filter = filter_chunk,
    .exit = end_filter,
};
