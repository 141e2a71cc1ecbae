/* Walks events of Logstash, one object of JSON each, and writes anew those whose message is a plain row.
 *
 * Such an event goes on with the pairs of the payload behind its own, without the message and with the row's
 * time. Its own are copied as they stand, without the blanks between them; where they would be written in
 * another way (an escape that can be said shorter, a fraction, a name that is there twice) the event is left
 * alone, as it is where it is of another log than the one asked for. The walk stops before the first such.
 *
 * Memory: nothing is read behind a line's end, nothing calls itself, and what is written of a line is at most
 * MORE bytes longer than the line.
 */
#include "machine.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define LARGEST 50000    /* bytes of an event; what is read in Python has the same bound */
#define DEEPEST 8        /* containers inside of each other */
#define MOST_NAMES 96    /* in all objects that are open at one time */
#define LONGEST_PATH 1024
#define MOST_EVENTS 1024
#define MORE 64
#define FILES 6
#define HOSTS 17
#define STAMP "2026-01-01T00:00:00.000Z"
#define STAMP_LENGTH 24
#define OPENING "{\"@timestamp\":\"" /* how each payload begins, before its stamp */
#define OPENING_LENGTH 15
#define REPLACED (OPENING_LENGTH + STAMP_LENGTH + 2) /* of a payload: what the event's own pairs stand for */
#define VERSION ",\"@version\":\"1\""
#define BOM "\xef\xbb\xbf"

/* What an object is, as far as it says which log the event is of; OTHER is any other. */
enum { OTHER, TOP, IN_LOG, IN_LOG_FILE, IN_FILE, IN_HOST, IN_AGENT, IN_BEAT, IN_WINLOG, IN_TAGS };

/* What a value is by its name: FILE and HOST plus their place in order say where the log is named.
 * The hosts are those of exnorm.origin.HOST_KEYS, each by its whole name and as it stands inside of objects. */
enum { ANY, REFUSED, MESSAGE, TIME, VERSIONED, TAGS, EVENT, LOG, LOG_FILE, HOST_OBJECT, AGENT, BEAT, WINLOG, HOST,
       FILE_NAME = HOST + HOSTS, FILE_OBJECT = FILE_NAME + FILES - 1 };

typedef struct {
    Text *at; /* those of the payload, which the event must not have */
    Py_ssize_t count;
    unsigned char filter[256];
} Names;

typedef struct {
    int kind, is_object, is_empty, first_name;
} Level;

typedef struct {
    char *begin, *end, *stamp; /* what is written of it: all but the last bracket */
    Text message;
    Text files[FILES], hosts[HOSTS]; /* as they stand in the line */
    int has_version, has_event;
    Text names[MOST_NAMES];
    int name_count;
    Level levels[DEEPEST];
    int depth;
} Event;

/* --- texts -------------------------------------------------------------------------------------- */

/* The first byte of a text that ends it, escapes, or must not be there; the end where there is none. */
static const char *find_sign(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), last = _mm_set1_epi8(0x1f);
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i any = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash));
        any = _mm_or_si128(any, _mm_cmpeq_epi8(_mm_min_epu8(bytes, last), bytes));
        unsigned int found = (unsigned int)_mm_movemask_epi8(any);
        if (found != 0)
            return at + __builtin_ctz(found);
    }
#endif
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at > 0x1f)
        at++;
    return at;
}

/* Behind the text whose first quote stands at a place; NULL where it is none, or has other escapes than these. */
static const char *read_text(const char *at, const char *end, const char *escapes, Text *text)
{
    text->at = ++at;
    for (;;) {
        at = find_sign(at, end);
        if (at == end)
            return NULL;
        if (*at == '"')
            break;
        if (*at != '\\' || end - at < 2 || at[1] == '\0' || strchr(escapes, at[1]) == NULL)
            return NULL;
        at += 2;
    }
    text->length = at - text->at;
    return at + 1;
}

static int read_hex(const char *at)
{
    int number = 0;
    for (int i = 0; i < 4; i++) {
        char digit = at[i];
        int value = digit >= '0' && digit <= '9'   ? digit - '0'
                    : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                    : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                                   : -1;
        if (value < 0)
            return -1;
        number = number << 4 | value;
    }
    return number;
}

static char *put_character(char *to, unsigned int character)
{
    if (character < 0x80) {
        *to++ = (char)character;
        return to;
    }
    int more = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
    *to++ = (char)((0xff00 >> (more + 1) & 0xff) | character >> (6 * more));
    while (more-- > 0)
        *to++ = (char)(0x80 | (character >> (6 * more) & 0x3f));
    return to;
}

/* Writes what a text stands for, which is not longer; its end, or NULL where half of a pair stands in it. */
static char *write_plain(char *to, Text text)
{
    const char *at = text.at, *const end = at + text.length;
    for (;;) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        size_t length = (size_t)((slash == NULL ? end : slash) - at);
        memcpy(to, at, length);
        to += length;
        if (slash == NULL)
            return to;
        at = slash + 2; /* there is a byte behind each */
        switch (slash[1]) {
        case 'b': *to++ = '\b'; break;
        case 'f': *to++ = '\f'; break;
        case 'n': *to++ = '\n'; break;
        case 'r': *to++ = '\r'; break;
        case 't': *to++ = '\t'; break;
        case 'u': {
            int high = end - at >= 4 ? read_hex(at) : -1;
            at += 4;
            if (high < 0 || (high >= 0xdc00 && high <= 0xdfff))
                return NULL;
            if (high < 0xd800 || high > 0xdbff) {
                to = put_character(to, (unsigned int)high);
                break;
            }
            int low = end - at >= 6 && at[0] == '\\' && at[1] == 'u' ? read_hex(at + 2) : -1;
            if (low < 0xdc00 || low > 0xdfff)
                return NULL;
            at += 6;
            to = put_character(to, 0x10000 + (((unsigned int)high & 0x3ff) << 10 | ((unsigned int)low & 0x3ff)));
            break;
        }
        default: *to++ = slash[1];
        }
    }
}

static int are_digits(const char *at, int count, int least, int most)
{
    int number = read_digits(at, count);
    return number >= least && number <= most;
}

/* Whether Logstash reads it as a time; it reads others too. */
static int is_time(Text text)
{
    const char *at = text.at;
    if (text.length < 20 || text.length > 30 || text.length == 21 || at[4] != '-' || at[7] != '-' || at[10] != 'T' ||
        at[13] != ':' || at[16] != ':' || at[text.length - 1] != 'Z')
        return 0;
    if (!are_digits(at, 4, 0, 9999) || !are_digits(at + 5, 2, 1, 12) || !are_digits(at + 8, 2, 1, 31) ||
        !are_digits(at + 11, 2, 0, 23) || !are_digits(at + 14, 2, 0, 59) || !are_digits(at + 17, 2, 0, 59))
        return 0;
    return text.length == 20 || (at[19] == '.' && read_digits(at + 20, (int)text.length - 21) >= 0);
}

/* --- an event ----------------------------------------------------------------------------------- */

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

static int is_named(Text name, const char *word)
{
    return is_same(name, word, (Py_ssize_t)strlen(word));
}

static inline unsigned char filter_place(Text name)
{
    return (unsigned char)(31 * name.length + (name.length > 0 ? name.at[0] + 7 * name.at[name.length - 1] : 0));
}

static int is_of_payload(const Names *names, Text name)
{
    if (!names->filter[filter_place(name)])
        return 0;
    for (Py_ssize_t i = 0; i < names->count; i++)
        if (is_same(name, names->at[i].at, names->at[i].length))
            return 1;
    return 0;
}

/* What the value under a name is in an object of this kind. */
static int judge(int kind, Text name, const Names *names)
{
    switch (kind) {
    case TOP: {
        static const struct {
            const char *name;
            int value;
        } known[] = {{"message", MESSAGE}, {"@timestamp", TIME}, {"@version", VERSIONED}, {"@metadata", REFUSED},
                     {"tags", TAGS}, {"host", HOST_OBJECT}, {"event", EVENT}, {"log", LOG}, {"file", FILE_OBJECT},
                     {"log.file.path", FILE_NAME + 1}, {"path", FILE_NAME + 2}, {"filename", FILE_NAME + 3},
                     {"agent", AGENT}, {"beat", BEAT}, {"winlog", WINLOG}, {"host.name", HOST},
                     {"host.hostname", HOST + 2}, {"agent.hostname", HOST + 4}, {"agent.name", HOST + 6},
                     {"beat.hostname", HOST + 8}, {"beat.name", HOST + 10}, {"hostname", HOST + 12},
                     {"Hostname", HOST + 13}, {"computer_name", HOST + 14}, {"winlog.computer_name", HOST + 15}};
        if (is_of_payload(names, name))
            return REFUSED;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (is_named(name, known[i].name))
                return known[i].value;
        return ANY;
    }
    case IN_LOG: return is_named(name, "file") ? LOG_FILE : ANY;
    case IN_LOG_FILE: return is_named(name, "path") ? FILE_NAME : ANY;
    case IN_FILE: return is_named(name, "path") ? FILE_NAME + 4 : ANY;
    case IN_HOST: return is_named(name, "name") ? HOST + 1 : is_named(name, "hostname") ? HOST + 3 : ANY;
    case IN_AGENT: return is_named(name, "hostname") ? HOST + 5 : is_named(name, "name") ? HOST + 7 : ANY;
    case IN_BEAT: return is_named(name, "hostname") ? HOST + 9 : is_named(name, "name") ? HOST + 11 : ANY;
    case IN_WINLOG: return is_named(name, "computer_name") ? HOST + 16 : ANY;
    default: return ANY;
    }
}

/* Behind the name and colon of the next pair, which must be new; NULL where they are not as expected. */
static const char *read_name(Event *event, const char *at, const char *end, Text *name)
{
    if (at == end || *at != '"')
        return NULL;
    at = read_text(at, end, "", name);
    if (at == NULL || event->name_count == MOST_NAMES)
        return NULL;
    for (int i = event->levels[event->depth].first_name; i < event->name_count; i++)
        if (is_same(event->names[i], name->at, name->length))
            return NULL;
    event->names[event->name_count++] = *name;
    at = skip_blanks(at, end);
    if (at == end || *at != ':')
        return NULL;
    return skip_blanks(at + 1, end);
}

static void copy_to(Event *event, const char *at, Py_ssize_t length)
{
    memcpy(event->end, at, (size_t)length);
    event->end += length;
}

/* Behind a word or a whole number of up to 18 digits; NULL where it is neither. */
static const char *read_scalar(Event *event, const char *at, const char *end)
{
    const char *begin = at;
    if (*at == 't' || *at == 'f' || *at == 'n') {
        const char *word = *at == 't' ? "true" : *at == 'f' ? "false" : "null";
        Py_ssize_t length = (Py_ssize_t)strlen(word);
        if (end - at < length || memcmp(at, word, (size_t)length) != 0)
            return NULL;
        at += length;
    } else {
        at += *at == '-';
        const char *digits = at;
        while (at < end && *at >= '0' && *at <= '9')
            at++;
        if (at == digits || at - digits > 18 || (*digits == '0' && (at - digits > 1 || digits > begin)))
            return NULL;
    }
    copy_to(event, begin, at - begin);
    return at;
}

/* Opens the container at a place; 0 where there are too many, or a value of its name is none. */
static int open_level(Event *event, char bracket, int kind, int value)
{
    static const char inside[] = {[LOG] = IN_LOG, [LOG_FILE] = IN_LOG_FILE, [HOST_OBJECT] = IN_HOST,
                                  [AGENT] = IN_AGENT, [BEAT] = IN_BEAT, [WINLOG] = IN_WINLOG,
                                  [FILE_OBJECT] = IN_FILE};
    int is_object = bracket == '{';
    if (event->depth + 1 == DEEPEST || kind == IN_TAGS || (value == TAGS && is_object) ||
        ((value == EVENT || value == HOST_OBJECT) && !is_object))
        return 0;
    int found = value == TAGS ? IN_TAGS : is_object && value < (int)sizeof inside ? inside[value] : OTHER;
    event->levels[++event->depth] = (Level){found, is_object, 1, event->name_count};
    *event->end++ = bracket;
    return 1;
}

/* Behind a value that is no container, which is written but for the message; NULL where it is not as expected. */
static const char *read_value(Event *event, const char *at, const char *end, int kind, int value)
{
    if (*at != '"') {
        int is_null = *at == 'n';
        if (kind == IN_TAGS || value == TAGS || value == EVENT || value == TIME || value == MESSAGE ||
            (value == HOST_OBJECT && !is_null))
            return NULL;
        return read_scalar(event, at, end);
    }
    Text text;
    const char *begin = at;
    at = read_text(at, end, value == MESSAGE ? "\"\\/bfnrtu" : "\"\\bfnrt", &text);
    if (at == NULL || value == EVENT || value == HOST_OBJECT || (value == TIME && !is_time(text)))
        return NULL;
    if (value == MESSAGE) {
        event->message = text;
    } else if (value == TIME) {
        event->stamp = event->end + 1;
        copy_to(event, "\"" STAMP "\"", STAMP_LENGTH + 2);
    } else {
        copy_to(event, begin, at - begin);
    }
    if (value >= HOST && value < FILE_NAME)
        event->hosts[value - HOST] = text;
    else if (value >= FILE_NAME && value < FILE_NAME + FILES)
        event->files[value - FILE_NAME] = text;
    return at;
}

/* Reads a line and writes all but the message and the last bracket; 0 where it is left alone. */
static int read_event(Event *event, const char *at, const char *end, char *to, const Names *names)
{
    event->begin = event->end = to;
    event->stamp = NULL;
    event->message.at = NULL;
    event->has_version = event->has_event = event->name_count = event->depth = 0;
    memset(event->files, 0, sizeof event->files);
    memset(event->hosts, 0, sizeof event->hosts);
    event->levels[0] = (Level){TOP, 1, 1, 0};
    at = skip_blanks(at, end);
    if (at == end || *at != '{')
        return 0;
    *event->end++ = *at++;
    for (;;) {
        Level *level = &event->levels[event->depth];
        Text name = {NULL, 0};
        int value = ANY;
        at = skip_blanks(at, end);
        int is_closed = level->is_empty && at < end && *at == (level->is_object ? '}' : ']');
        if (!is_closed) {
            if (level->is_object) {
                at = read_name(event, at, end, &name);
                if (at == NULL)
                    return 0;
                value = judge(level->kind, name, names);
            }
            if (at == end || value == REFUSED)
                return 0;
            event->has_version |= value == VERSIONED;
            event->has_event |= value == EVENT;
            if (value != MESSAGE) {
                if (event->end[-1] != '{' && event->end[-1] != '[')
                    *event->end++ = ',';
                if (level->is_object) {
                    copy_to(event, name.at - 1, name.length + 2);
                    *event->end++ = ':';
                }
            }
            level->is_empty = 0;
            if (*at == '{' || *at == '[') {
                if (value == MESSAGE || value == TIME || !open_level(event, *at++, level->kind, value))
                    return 0;
                continue;
            }
            at = read_value(event, at, end, level->kind, value);
            if (at == NULL)
                return 0;
        }
        for (;;) {
            at = skip_blanks(at, end);
            level = &event->levels[event->depth];
            if (at == end || *at != (level->is_object ? '}' : ']'))
                break;
            event->name_count = level->first_name;
            if (event->depth-- == 0) {
                if (skip_blanks(at + 1, end) != end || event->message.at == NULL || event->stamp == NULL)
                    return 0;
                if (!event->has_version)
                    copy_to(event, VERSION, (Py_ssize_t)strlen(VERSION));
                return 1;
            }
            *event->end++ = *at++;
        }
        if (at == end || *at++ != ',')
            return 0;
    }
}

/* --- which log it is of --------------------------------------------------------------------------- */

/* Writes the first text that is there; NULL where it is longer than a name may be. */
static char *write_first(char *to, const Text *texts, int count)
{
    for (int i = 0; i < count; i++)
        if (texts[i].length > LONGEST_PATH)
            return NULL;
        else if (texts[i].length > 0)
            return write_plain(to, texts[i]);
    return to;
}

/* The name of the event's log, as exnorm.logstash.normalize.find_log gives it; 0 where it has none. */
static int find_log(const Event *event, char *buffer, Text *log)
{
    char *to = write_first(buffer, event->hosts, HOSTS);
    if (to == NULL)
        return 0;
    *to++ = '\0';
    char *end = write_first(to, event->files, FILES);
    if (end == NULL || end == to)
        return 0;
    *log = (Text){buffer, end - buffer};
    return 1;
}

/* --- writing it ------------------------------------------------------------------------------------ */

/* Writes the row into the buffer, a LF and SLACK bytes behind it; 0 where it is none. */
static int write_row(const Event *event, char *to, Text *row)
{
    char *end = write_plain(to, event->message);
    if (end == NULL || memchr(to, '\n', (size_t)(end - to)) != NULL)
        return 0;
    *row = (Text){to, end - to};
    memset(end, '\n', SLACK + 1);
    /* what "event" says of the original is compared with a row that has neither */
    return !event->has_event || (row->length > 0 && end[-1] != '\r' &&
                                 (row->length < 3 || memcmp(to, BOM, 3) != 0));
}

/* The event's pairs and those of the row's payload; as write_payload() says what became of it. */
static int write_event(Machine *self, const Event *event, Text row, Text start, Text seed)
{
    Py_ssize_t begin = self->out_length, own = event->end - event->begin;
    /* what is not to be seen of the payload lies where the event's own pairs will be; they are longer */
    if (reserve(self, own + 1 + SLACK) < 0)
        return FAILED;
    self->out_length = begin + own + 1 - REPLACED;
    const char *next;
    int done = write_line(self, row.at, row.at + row.length + 1, start, seed, &next);
    if (done != WRITTEN)
        return done;
    char *at = self->out + begin, *payload = at + own + 1 - REPLACED;
    if (memcmp(payload, OPENING, OPENING_LENGTH) != 0 || memcmp(payload + REPLACED - 2, "\",", 2) != 0) {
        PyErr_SetString(PyExc_ValueError, "run_events: the payload does not begin with its time");
        return FAILED;
    }
    memcpy(event->stamp, payload + OPENING_LENGTH, STAMP_LENGTH);
    memcpy(at, event->begin, (size_t)own);
    at[own] = ',';
    return put(self, "\n", 1) < 0 ? FAILED : WRITTEN;
}

/* 0, or -1 with an exception set; what `at` points to is the caller's to free. */
static int read_names(Names *names, PyObject *given)
{
    memset(names->filter, 0, sizeof names->filter);
    names->count = PyTuple_Size(given);
    names->at = PyMem_Calloc((size_t)names->count + 1, sizeof(Text));
    if (names->at == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < names->count; i++) {
        PyObject *name = PyTuple_GetItem(given, i);
        if (!PyBytes_Check(name)) {
            PyErr_SetString(PyExc_TypeError, "run_events: a name is no bytes");
            return -1;
        }
        names->at[i] = look_at(name);
        names->filter[filter_place(names->at[i])] = 1;
    }
    return 0;
}

/* How many lines may be read in this run, and the memory for their rows; -1 with an exception set. */
static Py_ssize_t count_lines(Machine *self, PyObject *lines)
{
    Py_ssize_t count = 0, size = LARGEST + MORE + SLACK;
    for (; count < PyTuple_Size(lines) && count < MOST_EVENTS; count++) {
        PyObject *line = PyTuple_GetItem(lines, count);
        if (!PyBytes_Check(line)) {
            PyErr_SetString(PyExc_TypeError, "run_events: a line is no bytes");
            return -1;
        }
        if (PyBytes_Size(line) > LARGEST)
            break;
        size += PyBytes_Size(line) + 1 + SLACK;
    }
    if (make_scratch(&self->copied, &self->copied_size, size) < 0 ||
        make_scratch(&self->scratch, &self->scratch_size, LARGEST + SLACK) < 0)
        return -1;
    return count;
}

/* The lines behind each other in the buffer, each by itself. */
static PyObject *cut_lines(const Machine *self, const Py_ssize_t *ends, Py_ssize_t count)
{
    PyObject *made = PyList_New(count);
    for (Py_ssize_t i = 0, begin = 0; made != NULL && i < count; begin = ends[i++]) {
        PyObject *line = PyBytes_FromStringAndSize(self->out + begin, ends[i] - begin);
        if (line == NULL)
            Py_CLEAR(made);
        else
            PyList_SetItem(made, i, line);
    }
    return made;
}

/* run_events(names, lines, log, start, seed)
 * -> (lines anew, how many of the given ones were done, the log of the next one where it is another,
 *     the last row's time in ms) */
PyObject *run_events(Machine *self, PyObject *arguments)
{
    Names names;
    PyObject *given, *lines;
    Text log, start, seed, other = {NULL, 0};
    if (!PyArg_ParseTuple(arguments, "O!O!y#y#y#:run_events", &PyTuple_Type, &given, &PyTuple_Type, &lines,
                          &log.at, &log.length, &start.at, &start.length, &seed.at, &seed.length))
        return NULL;
    if (read_names(&names, given) < 0 || begin_run(self) < 0) {
        PyMem_Free(names.at);
        return NULL;
    }
    Py_ssize_t count = count_lines(self, lines), at = 0, made = 0;
    Py_ssize_t ends[MOST_EVENTS];
    char named[2 * LONGEST_PATH + 2 + SLACK];
    long long last = 0;
    int done = count < 0 ? FAILED : WRITTEN;
    Py_ssize_t row_at = LARGEST + MORE + SLACK; /* behind what is written of the event itself */
    Event event;
    for (; at < count && done != FAILED; at++) {
        const Text line = look_at(PyTuple_GetItem(lines, at));
        const char *begin = line.at, *end = begin + line.length;
        Text found, row;
        if (!read_event(&event, begin, end, self->copied, &names) || !find_log(&event, named, &found) ||
            !is_plain_utf8((const unsigned char *)begin, end - begin))
            break;
        if (!is_same(log, found.at, found.length)) {
            other = found;
            break;
        }
        if (!write_row(&event, self->copied + row_at, &row))
            break;
        if (self->hashed_count > MOST_HASHED - self->identities)
            write_identities(self, seed);
        Py_ssize_t before = self->out_length, hashed = self->hashed_count;
        done = write_event(self, &event, row, start, seed);
        if (done != WRITTEN) {
            self->out_length = before;
            self->hashed_count = hashed;
        }
        if (done == ODD || done == FAILED)
            break;
        if (done == WRITTEN)
            ends[made++] = self->out_length;
        row_at += row.length + 1 + SLACK;
        last = find_time(self);
    }
    PyObject *result = NULL;
    if (done != FAILED || (at > 0 && PyErr_ExceptionMatches(PyExc_Exception))) {
        PyErr_Clear(); /* what was done counts; the next call begins with this event and says it again */
        write_identities(self, seed);
        PyObject *written = cut_lines(self, ends, made);
        if (written != NULL)
            result = Py_BuildValue("Nny#L", written, at, other.at, other.length, last);
    }
    PyMem_Free(names.at);
    self->running = 0;
    return result;
}
