/* Walks a chunk of Fluent Bit, msgpack events back to back, and writes anew those that hold a plain row.
 *
 * An event is [[time, metadata], {record}] or [time, {record}]. Where the record holds a raw line of the
 * log that is asked for, and nothing else but texts, bytes, numbers and the like, and the machine is sure
 * of the row, the event goes on with the payload in the place of the record. The walk stops before the
 * first event that is anything else: the caller takes the long way with it.
 *
 * Memory: every head is read within the chunk, a length is held against what is left of it before it is
 * believed, and nothing calls itself: a value that holds others only says how many more are to come.
 */
#include "machine.h"

enum { SCALAR, NUMBER, TEXT, BINARY, LIST, MAP, EXTENSION, BROKEN }; /* kinds of values */

#define PAIR 0x92       /* an array of two, as it is written here */
#define EVENT_TIME 0xd7 /* extension of eight bytes: seconds and nanoseconds */
#define LAST_SECOND 0x7fffffff /* above it, Fluent Bit reads a negative number: a marker, or a broken event */
#define LARGEST 262144    /* bytes of an event; a larger one is read with more care */
#define MOST_CONTAINERS 256 /* in metadata; readers of msgpack have their bounds too */
#define MOST_OTHERS 32  /* keys that are kept beside the payload */
#define MOST_KEYS 32    /* that may name a line, a file or a host: bits of a set */
#define DEEPEST 4       /* objects inside of each other in a payload */
#define TIME 10         /* bytes of an event's time, which is the longest of all forms of a time */
#define HEADS 32        /* more than the heads and the time that are written for one event */
#define TEXT_HEAD 3     /* what stands before most texts, and before a map of 16 to 65535 pairs */

typedef const unsigned char *Place;

typedef struct {
    int kind;
    uint64_t length; /* bytes that follow the head; of a list or map, values */
} Head;

typedef struct { /* the first that is there counts */
    Text at[MOST_KEYS];
    Py_ssize_t count;
} Keys;

/* What the caller wants, made once for a filter. */
typedef struct {
    Keys lines, files, hosts;
    Text result; /* the key of the payload; empty = the payload's own pairs */
    int event_time, keep_others;
} Form;

typedef struct {
    Place begin, end; /* key and value */
    Text key;
} Other;

typedef struct {
    Place time, time_end, head, head_end, end; /* the time may be the head itself */
    Text line, path, host;
    Other others[MOST_OTHERS];
    int other_count;
} Event;

/* --- values ------------------------------------------------------------------------------------- */

static const struct {
    unsigned char kind, width, fixed; /* bytes of the length, bytes beside that length */
} heads[32] = {
    {SCALAR, 0, 0}, {BROKEN, 0, 0}, {SCALAR, 0, 0}, {SCALAR, 0, 0},                     /* c0: nil, false, true */
    {BINARY, 1, 0}, {BINARY, 2, 0}, {BINARY, 4, 0},                                     /* c4 */
    {EXTENSION, 1, 1}, {EXTENSION, 2, 1}, {EXTENSION, 4, 1},                            /* c7 */
    {NUMBER, 0, 4}, {NUMBER, 0, 8},                                                     /* ca: float */
    {NUMBER, 0, 1}, {NUMBER, 0, 2}, {NUMBER, 0, 4}, {NUMBER, 0, 8},                     /* cc: without sign */
    {NUMBER, 0, 1}, {NUMBER, 0, 2}, {NUMBER, 0, 4}, {NUMBER, 0, 8},                     /* d0: with sign */
    {EXTENSION, 0, 2}, {EXTENSION, 0, 3}, {EXTENSION, 0, 5}, {EXTENSION, 0, 9}, {EXTENSION, 0, 17}, /* d4 */
    {TEXT, 1, 0}, {TEXT, 2, 0}, {TEXT, 4, 0},                                           /* d9 */
    {LIST, 2, 0}, {LIST, 4, 0}, {MAP, 2, 0}, {MAP, 4, 0},                               /* dc */
};

static uint64_t read_number(Place at, int width)
{
    uint64_t number = 0;
    for (int i = 0; i < width; i++)
        number = number << 8 | at[i];
    return number;
}

/* Behind the head of the value; NULL where the chunk ends before the head, or before the bytes it promises. */
static Place read_head(Place at, Place end, Head *head)
{
    if (at >= end)
        return NULL;
    unsigned char first = *at++;
    if (first < 0xc0 || first >= 0xe0) {
        int is_text = first >= 0xa0 && first < 0xc0, is_container = first >= 0x80 && first < 0xa0;
        head->kind = is_text ? TEXT : is_container ? (first < 0x90 ? MAP : LIST) : NUMBER;
        head->length = is_text ? first & 0x1f : is_container ? first & 0x0f : 0;
    } else {
        int width = heads[first - 0xc0].width;
        if (end - at < width)
            return NULL;
        head->kind = heads[first - 0xc0].kind;
        head->length = read_number(at, width) + heads[first - 0xc0].fixed;
        at += width;
    }
    if (head->kind == MAP)
        head->length *= 2;
    return head->length > (uint64_t)(end - at) ? NULL : at; /* a value takes a byte at least */
}

/* Behind a value and all that it holds; NULL where the chunk ends before. */
static Place skip(Place at, Place end, int *kinds, Py_ssize_t *containers)
{
    uint64_t left = 1;
    while (left > 0) {
        Head head;
        at = read_head(at, end, &head);
        if (at == NULL)
            return NULL;
        left--;
        *kinds |= 1 << head.kind;
        if (head.kind == LIST || head.kind == MAP) {
            ++*containers;
            left += head.length;
            if (left > (uint64_t)(end - at))
                return NULL;
        } else {
            at += head.length;
        }
    }
    return at;
}

/* Whether a value that holds no others is written as short as it can be, which is how all writers do it. */
static int is_shortest(Place at, const Head *head)
{
    switch (*at) {
    case 0xca: return 0; /* a float of four bytes, which becomes one of eight */
    case 0xcc: return read_number(at + 1, 1) >= 0x80;
    case 0xcd: return read_number(at + 1, 2) >= 0x100;
    case 0xce: return read_number(at + 1, 4) >= 0x10000;
    case 0xcf: return read_number(at + 1, 8) >= 0x100000000u;
    case 0xd0: return (int8_t)read_number(at + 1, 1) < -0x20;
    case 0xd1: return (int16_t)read_number(at + 1, 2) < -0x80;
    case 0xd2: return (int32_t)read_number(at + 1, 4) < -0x8000;
    case 0xd3: return (int64_t)read_number(at + 1, 8) < -(int64_t)0x80000000;
    case 0xc5: case 0xda: return head->length >= 0x100;
    case 0xc6: case 0xdb: return head->length >= 0x10000;
    case 0xd9: return head->length >= 0x20;
    default: return 1;
    }
}

/* --- reading an event --------------------------------------------------------------------------- */

/* The place of a key among names; how many there are where it is none of them. */
static Py_ssize_t find_name(const Keys *names, Text key)
{
    Py_ssize_t i = 0;
    while (i < names->count && !is_same(key, names->at[i].at, names->at[i].length))
        i++;
    return i;
}

/* Behind the head of an array of two, which older releases write longer than it must be; NULL where it is none. */
static Place open_pair(Place at, Place end)
{
    Head head;
    Place inside = read_head(at, end, &head);
    return inside != NULL && head.kind == LIST && head.length == 2 ? inside : NULL;
}

/* Time and metadata; 0 where they are not as expected. */
static int read_time(Event *event, Place at, Place end)
{
    int kinds = 0;
    Py_ssize_t containers = 0;
    event->head = at;
    event->head_end = skip(at, end, &kinds, &containers);
    if (event->head_end == NULL || kinds & 1 << BROKEN || containers > MOST_CONTAINERS)
        return 0;
    event->time = open_pair(at, event->head_end);
    if (event->time == NULL)
        event->time = at;
    Head head;
    Place inside = read_head(event->time, event->head_end, &head);
    if (inside == NULL)
        return 0;
    event->time_end = inside + (head.kind == MAP || head.kind == LIST ? 0 : head.length);
    if (head.kind == NUMBER)
        return 1;
    /* the seconds of where a group begins and ends are the two highest numbers */
    return event->time[0] == EVENT_TIME && event->time[1] == 0 && read_number(event->time + 2, 4) < 0xfffffffeu;
}

/* Reads the event at a place; 0 where it is not one of those that are written here. */
static int read_event(Event *event, Place at, Place end, const Form *form)
{
    Head head;
    Place begin = at;
    at = open_pair(at, end);
    if (at == NULL || !read_time(event, at, end))
        return 0;
    at = read_head(event->head_end, end, &head);
    if (at == NULL || head.kind != MAP)
        return 0;
    Py_ssize_t lines = form->lines.count, files = form->files.count, hosts = form->hosts.count;
    uint64_t seen_lines = 0, seen_files = 0, seen_hosts = 0;
    Py_ssize_t best_line = lines, best_file = files, best_host = hosts, line_other = -1;
    event->other_count = 0;
    event->line = event->path = event->host = (Text){"", 0};
    for (uint64_t left = head.length / 2; left > 0; left--) {
        Head key_head, value_head;
        Place key_at = at, value_at;
        at = read_head(at, end, &key_head);
        if (at == NULL || key_head.kind != TEXT)
            return 0;
        const Text key = {(const char *)at, (Py_ssize_t)key_head.length};
        value_at = at + key_head.length;
        at = read_head(value_at, end, &value_head);
        if (at == NULL || value_head.kind >= LIST)
            return 0;
        const Text value = {(const char *)at, (Py_ssize_t)value_head.length};
        at += value_head.length;
        Py_ssize_t line = find_name(&form->lines, key), file = find_name(&form->files, key);
        Py_ssize_t host = find_name(&form->hosts, key);
        if ((line < lines && seen_lines & 1u << line) || (file < files && seen_files & 1u << file) ||
            (host < hosts && seen_hosts & 1u << host))
            return 0; /* twice: the later would count */
        seen_lines |= line < lines ? 1u << line : 0;
        seen_files |= file < files ? 1u << file : 0;
        seen_hosts |= host < hosts ? 1u << host : 0;
        if (line < best_line && (value_head.kind == TEXT || value_head.kind == BINARY)) {
            best_line = line;
            line_other = event->other_count;
            event->line = value;
        }
        if (file < best_file && (value_head.kind == TEXT || value_head.kind == BINARY)) {
            best_file = file;
            event->path = value;
        }
        if (host < best_host && (value_head.kind == TEXT || value_head.kind == BINARY) && value.length > 0) {
            best_host = host;
            event->host = value;
        }
        if (!form->keep_others)
            continue;
        if (event->other_count == MOST_OTHERS || !is_shortest(key_at, &key_head) ||
            !is_shortest(value_at, &value_head) || is_same(form->result, key.at, key.length))
            return 0;
        for (int i = 0; i < event->other_count; i++)
            if (is_same(event->others[i].key, key.at, key.length))
                return 0;
        event->others[event->other_count++] = (Other){key_at, at, key};
    }
    event->end = at;
    if (at - begin > LARGEST)
        return 0;
    if (line_other >= 0 && form->keep_others) {
        event->other_count--;
        memmove(&event->others[line_other], &event->others[line_other + 1],
                (size_t)(event->other_count - line_other) * sizeof(Other));
    }
    return best_line < lines;
}

/* --- writing it ---------------------------------------------------------------------------------- */

static void put_number(char *to, uint64_t number, int width)
{
    for (int i = 0; i < width; i++)
        to[i] = (char)(number >> (8 * (width - 1 - i)));
}

/* Writes what stands before a text; how long that is. */
static int write_text_head(char *to, uint64_t length)
{
    int width = length < 0x20 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 4;
    to[0] = (char)(width == 0 ? 0xa0 | length : width == 1 ? 0xd9 : width == 2 ? 0xda : 0xdb);
    put_number(to + 1, length, width);
    return 1 + width;
}

static int write_map_head(char *to, uint64_t pairs)
{
    to[0] = (char)(pairs < 16 ? 0x80 | pairs : 0xde);
    put_number(to + 1, pairs, pairs < 16 ? 0 : 2);
    return pairs < 16 ? 1 : 3;
}

static int write_integer(char *to, uint64_t number)
{
    int width = number < 0x80 ? 0 : number < 0x100 ? 1 : number < 0x10000 ? 2 : number < 0x100000000u ? 4 : 8;
    if (width == 0) {
        to[0] = (char)number;
        return 1;
    }
    to[0] = (char)(width == 1 ? 0xcc : width == 2 ? 0xcd : width == 4 ? 0xce : 0xcf);
    put_number(to + 1, number, width);
    return 1 + width;
}

/* A text of JSON as one of msgpack, `*from` behind its first quote; 0 where it has an escape but \" and \\. */
static int spread_text(const char **from, const char *end, char **to)
{
    const char *at = *from, *close = memchr(at, '"', (size_t)(end - at));
    if (close == NULL)
        return 0;
    if (memchr(at, '\\', (size_t)(close - at)) == NULL) {
        *to += write_text_head(*to, (uint64_t)(close - at));
        memcpy(*to, at, (size_t)(close - at));
        *to += close - at;
        *from = close + 1;
        return 1;
    }
    Py_ssize_t escapes = 0;
    for (close = at; close < end && *close != '"'; close++) {
        if (*close != '\\')
            continue;
        if (++close == end || (*close != '"' && *close != '\\'))
            return 0;
        escapes++;
    }
    if (close == end)
        return 0;
    *to += write_text_head(*to, (uint64_t)(close - at - escapes));
    for (; at < close; at++) {
        at += *at == '\\';
        *(*to)++ = *at;
    }
    *from = close + 1;
    return 1;
}

/* The object of JSON behind `json` in the buffer becomes a map of msgpack in the same place.
 *
 * ODD where it holds anything but objects, texts and whole numbers. A text or number becomes at most three
 * bytes longer than it was with its quotes and what parts it from the next, a map one byte.
 */
static int spread(Machine *self, Py_ssize_t json)
{
    Py_ssize_t length = self->out_length - json;
    if (reserve(self, length > (PY_SSIZE_T_MAX - 16) / 4 ? -1 : 4 * length + 16) < 0)
        return FAILED;
    const char *at = self->out + json, *end = at + length;
    char *begin = self->out + self->out_length, *to = begin;
    char *maps[DEEPEST];
    uint64_t pairs[DEEPEST];
    int depth = 0;
    if (at == end || *at++ != '{')
        return ODD;
    maps[0] = to;
    pairs[0] = 0;
    to += TEXT_HEAD;
    int is_empty = at < end && *at == '}';
    for (;;) {
        if (!is_empty) {
            if (at == end || *at++ != '"' || !spread_text(&at, end, &to) || at == end || *at++ != ':' || at == end)
                return ODD;
            pairs[depth]++;
            if (*at == '{') {
                if (++depth == DEEPEST)
                    return ODD;
                at++;
                maps[depth] = to;
                pairs[depth] = 0;
                to += TEXT_HEAD;
                is_empty = at < end && *at == '}';
                continue;
            }
            if (*at == '"') {
                at++;
                if (!spread_text(&at, end, &to))
                    return ODD;
            } else {
                const char *first = at;
                uint64_t number = 0;
                while (at < end && *at >= '0' && *at <= '9' && at - first < 18)
                    number = number * 10 + (uint64_t)(*at++ - '0');
                if (at == first)
                    return ODD;
                to += write_integer(to, number);
            }
        }
        is_empty = 0;
        while (at < end && *at == '}') {
            at++;
            char head[TEXT_HEAD];
            if (pairs[depth] > 0xffff)
                return ODD;
            int width = write_map_head(head, pairs[depth]);
            memmove(maps[depth] + width, maps[depth] + TEXT_HEAD, (size_t)(to - maps[depth] - TEXT_HEAD));
            memcpy(maps[depth], head, (size_t)width);
            to -= TEXT_HEAD - width;
            if (depth-- == 0) {
                if (at != end)
                    return ODD;
                memmove(self->out + json, begin, (size_t)(to - begin));
                self->out_length = json + (to - begin);
                return WRITTEN;
            }
        }
        if (at == end || *at++ != ',')
            return ODD;
    }
}

/* The event behind what is in the buffer; as write_payload() says what became of it. */
static int write_event(Machine *self, const Event *event, const Form *form, Text start, Text seed)
{
    Text line = event->line;
    if (line.length > 0 && line.at[line.length - 1] == '\n')
        line.length--;
    Py_ssize_t head = event->head_end - event->head, others = 0;
    for (int i = 0; i < event->other_count; i++)
        others += event->others[i].end - event->others[i].begin;
    /* all of them lie in memory, so that their lengths can be added */
    if (reserve(self, head + others + form->result.length + HEADS) < 0)
        return FAILED;
    char *to = self->out + self->out_length;
    *to++ = (char)PAIR;
    Py_ssize_t time = 0; /* where the time stands that is not known yet */
    memcpy(to, event->head, (size_t)head);
    if (form->event_time) {
        Py_ssize_t before = event->time - event->head, after = event->head_end - event->time_end;
        time = to + before - self->out;
        memcpy(to + before + TIME, event->time_end, (size_t)after);
        to += before + TIME + after;
    } else {
        to += head;
    }
    if (form->result.length > 0) {
        to += write_map_head(to, 1 + (uint64_t)event->other_count);
        for (int i = 0; i < event->other_count; i++) {
            size_t length = (size_t)(event->others[i].end - event->others[i].begin);
            memcpy(to, event->others[i].begin, length);
            to += length;
        }
        to += write_text_head(to, (uint64_t)form->result.length);
        memcpy(to, form->result.at, (size_t)form->result.length);
        to += form->result.length + TEXT_HEAD;
    }
    Py_ssize_t payload = self->out_length = to - self->out;
    int done = write_payload(self, line.at, line.length, start, seed);
    if (done != WRITTEN)
        return done;
    if (form->result.length == 0) {
        done = spread(self, payload);
        if (done != WRITTEN)
            return done;
    } else {
        char text_head[5];
        Py_ssize_t length = self->out_length - payload;
        if (reserve(self, (uint64_t)length > 0xffffffffu ? -1 : 2) < 0)
            return FAILED;
        int width = write_text_head(text_head, (uint64_t)length);
        if (width != TEXT_HEAD)
            memmove(self->out + payload - TEXT_HEAD + width, self->out + payload, (size_t)length);
        memcpy(self->out + payload - TEXT_HEAD, text_head, (size_t)width);
        self->out_length += width - TEXT_HEAD;
    }
    if (form->event_time) {
        uint64_t moment = (uint64_t)find_time(self), second = moment / 1000, fraction = moment % 1000;
        char *at = self->out + time;
        if (second > LAST_SECOND) { /* it stays what it was */
            Py_ssize_t old = event->time_end - event->time;
            memmove(at + old, at + TIME, (size_t)(self->out_length - time - TIME));
            memcpy(at, event->time, (size_t)old);
            self->out_length -= TIME - old;
        } else {
            at[0] = (char)EVENT_TIME;
            at[1] = 0;
            put_number(at + 2, second, 4);
            put_number(at + 6, fraction * 1000000, 4);
        }
    }
    return WRITTEN;
}

/* --- called from Python ---------------------------------------------------------------------------- */

static int read_keys(Keys *keys, PyObject *names)
{
    keys->count = PyTuple_Size(names);
    if (keys->count > MOST_KEYS)
        return 0;
    for (Py_ssize_t i = 0; i < keys->count; i++) {
        PyObject *name = PyTuple_GetItem(names, i);
        if (!PyBytes_Check(name))
            return 0;
        keys->at[i] = look_at(name);
    }
    return 1;
}

/* run_chunk(form, chunk, begin, host, path, start, seed)
 * -> (events anew, where the first event begins that was left alone, rows, events, the last row's time in ms) */
PyObject *run_chunk(Machine *self, PyObject *arguments)
{
    PyObject *chunk, *lines, *files, *hosts;
    Text host, path, start, seed;
    Form form;
    Py_ssize_t begin, rows = 0, events = 0;
    long long last = 0;
    if (!PyArg_ParseTuple(arguments, "(O!O!O!y#pp)Sny#y#y#y#:run_chunk", &PyTuple_Type, &lines,
                          &PyTuple_Type, &files, &PyTuple_Type, &hosts, &form.result.at,
                          &form.result.length, &form.event_time, &form.keep_others, &chunk, &begin, &host.at,
                          &host.length, &path.at, &path.length, &start.at, &start.length, &seed.at, &seed.length))
        return NULL;
    const Text whole = look_at(chunk);
    if (begin < 0 || begin > whole.length || !read_keys(&form.lines, lines) || !read_keys(&form.files, files) ||
        !read_keys(&form.hosts, hosts)) {
        PyErr_SetString(PyExc_ValueError, "run_chunk: an argument is not well formed");
        return NULL;
    }
    if (begin_run(self) < 0)
        return NULL;
    if (form.result.length == 0)
        form.keep_others = 0; /* which of two pairs with one name counts is not decided here */
    Place first = (Place)whole.at, end = first + whole.length, at = first + begin;
    Event event;
    while (at < end && read_event(&event, at, end, &form) && is_same(path, event.path.at, event.path.length) &&
           is_same(host, event.host.at, event.host.length)) {
        Py_ssize_t before = self->out_length;
        int done = write_event(self, &event, &form, start, seed);
        if (done != WRITTEN)
            self->out_length = before;
        if (done == FAILED && (rows == 0 || !PyErr_ExceptionMatches(PyExc_Exception))) {
            self->running = 0;
            return NULL;
        }
        if (done == FAILED)
            PyErr_Clear(); /* what was done counts; the next call begins with this event and says it again */
        if (done == ODD || done == FAILED)
            break;
        rows++;
        events += done == WRITTEN;
        at = event.end;
        last = find_time(self);
    }
    self->running = 0;
    return Py_BuildValue("y#nnnL", self->out == NULL ? "" : self->out, self->out_length, (Py_ssize_t)(at - first), rows,
                         events, last);
}

/* find_end(chunk, begin) -> where the value that begins there ends; -1 where the chunk ends before it does */
PyObject *find_end(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *chunk;
    Py_ssize_t begin, containers = 0;
    int kinds = 0;
    if (!PyArg_ParseTuple(arguments, "Sn:find_end", &chunk, &begin))
        return NULL;
    const Text whole = look_at(chunk);
    if (begin < 0 || begin > whole.length) {
        PyErr_SetString(PyExc_ValueError, "find_end: begins outside of the chunk");
        return NULL;
    }
    Place first = (Place)whole.at;
    Place end = skip(first + begin, first + whole.length, &kinds, &containers);
    return PyLong_FromSsize_t(end == NULL ? -1 : end - first);
}
