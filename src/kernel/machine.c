/* Runs a program over one row. */
#include "machine.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* --- where payloads are written ----------------------------------------------------------------- */

void leave_room(Room *room)
{
    if (room != NULL && --room->users == 0)
        PyMem_Free(room);
}

int begin_run(Machine *self)
{
    if (self->running) {
        PyErr_SetString(PyExc_ValueError, "Machine: it runs already");
        return -1;
    }
    if (self->room != NULL && self->room->users > 1) { /* somebody still looks at what was written */
        leave_room(self->room);
        self->room = NULL;
        self->out = NULL;
        self->out_size = 0;
    }
    self->out_length = 0;
    self->hashed_count = 0;
    self->running = 1;
    return 0;
}

int make_room(Machine *self, Py_ssize_t more)
{
    if (more < 0 || more > PY_SSIZE_T_MAX / 4 - self->out_length) {
        PyErr_NoMemory();
        return -1;
    }
    Py_ssize_t size = self->out_length + more;
    size += size / 2 + SLACK;
    Room *room = PyMem_Realloc(self->room, sizeof(Room) + (size_t)size);
    if (room == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    room->users = 1;
    room->size = size;
    self->room = room;
    self->out = room->bytes;
    self->out_size = size;
    return 0;
}

/* Copies in steps of 32 bytes; up to 31 are read and written behind the text. */
static inline char *copy(char *to, Text text)
{
    const char *from = text.at;
    char *end = to + text.length;
    do {
        memcpy(to, from, 32);
        to += 32;
        from += 32;
    } while (to < end);
    return end;
}

/* The same with what the format escapes escaped. */
static char *copy_escaped(const Machine *self, char *to, Text text)
{
    const char *at = text.at, *const end = at + text.length;
#ifdef __SSE2__
    __m128i special[SPECIALS];
    for (int k = 0; k < SPECIALS; k++)
        special[k] = _mm_set1_epi8(self->specials[k]);
    while (at < end) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i any = _mm_cmpeq_epi8(bytes, special[0]);
        for (int k = 1; k < SPECIALS; k++)
            any = _mm_or_si128(any, _mm_cmpeq_epi8(bytes, special[k]));
        unsigned int found = (unsigned int)_mm_movemask_epi8(any);
        _mm_storeu_si128((__m128i *)(void *)to, bytes);
        Py_ssize_t some = found == 0 ? 16 : __builtin_ctz(found);
        if (some >= end - at)
            return to + (end - at);
        at += some;
        to += some;
        if (found != 0 && self->classes[(unsigned char)*at] == SPECIAL) /* not where nothing is escaped */
            to = copy(to, self->escapes[(unsigned char)*at++]);
        else if (found != 0)
            *to++ = *at++;
    }
    return to;
#else
    while (at < end) {
        const char *run = at;
        while (at < end && self->classes[(unsigned char)*at] != SPECIAL)
            at++;
        to = copy(to, (Text){run, at - run});
        if (at < end)
            to = copy(to, self->escapes[(unsigned char)*at++]);
    }
    return to;
#endif
}

static inline char *copy_cell(const Machine *self, char *to, const Cell *cell)
{
    return cell->special ? copy_escaped(self, to, cell->text) : copy(to, cell->text);
}

/* Leaves room for the identity of a row, which is computed with those of others. */
static char *note_identity(Machine *self, char *to, Text row)
{
    self->hashed[self->hashed_count++] = (Hashed){row.at, (size_t)row.length, (size_t)(to - self->out)};
    return to + IDENTITY_BYTES;
}

void write_identities(Machine *self, Text seed)
{
    hash_all(self->hashed, (size_t)self->hashed_count, seed.at, (size_t)seed.length, self->out);
    self->hashed_count = 0;
}

/* --- whether a row is plain --------------------------------------------------------------------- */

static inline int is_filled(const Machine *self, int cell)
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

/* --- what is looked up -------------------------------------------------------------------------- */

void release(Cache *cache)
{
    if (cache->current != NULL && !cache->current->remembered)
        PyMem_Free(cache->current);
    cache->current = NULL;
}

void forget(Cache *cache)
{
    release(cache);
    for (Py_ssize_t i = 0; cache->table != NULL && i < TABLE; i++) {
        PyMem_Free(cache->table[i].found);
        cache->table[i].found = NULL;
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

/* Whether a text is the one that something was found for; both have SLACK bytes behind them. */
static inline int is_text(const Found *found, Text text)
{
    if (found->key.length != text.length)
        return 0;
#ifdef __SSE2__
    if (text.length <= 16) {
        __m128i one = _mm_loadu_si128((const __m128i *)(const void *)found->key.at);
        __m128i other = _mm_loadu_si128((const __m128i *)(const void *)text.at);
        unsigned int same = (unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(one, other));
        return (~same & ((1u << text.length) - 1)) == 0;
    }
#endif
    return memcmp(found->key.at, text.at, (size_t)text.length) == 0;
}

int read_digits(const char *at, int count)
{
    int number = 0;
    for (int i = 0; i < count; i++) {
        if (at[i] < '0' || at[i] > '9')
            return -1;
        number = 10 * number + (at[i] - '0');
    }
    return number;
}

/* Four numbers up to 255 without leading zeros, as they are written out again. */
static int is_ipv4(Text text)
{
    if (text.length < 7 || text.length > 15)
        return 0;
    const char *at = text.at, *end = at + text.length;
    for (int dots = 0;; dots++, at++) {
        int number = 0, digits = 0;
        for (; at < end && *at >= '0' && *at <= '9' && digits < 4; at++, digits++)
            number = 10 * number + (*at - '0');
        if (digits == 0 || digits > 3 || number > 255 || (digits > 1 && at[-digits] == '0'))
            return 0;
        if (at == end)
            return dots == 3;
        if (*at != '.' || dots == 3)
            return 0;
    }
}

/* The second since 1970 of a time yyyy-MM-ddTHH:mm:ss; 0 where it is none, or an unusual one. */
static int64_t read_second(Text text)
{
    static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *at = text.at;
    if (text.length != 19 || at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':')
        return 0;
    int year = read_digits(at, 4), month = read_digits(at + 5, 2), day = read_digits(at + 8, 2);
    int hour = read_digits(at + 11, 2), minute = read_digits(at + 14, 2), second = read_digits(at + 17, 2);
    if (year < 1971 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 59)
        return 0;
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day > days[month - 1] + (leap && month == 2))
        return 0;
    int64_t past = year - 1;
    int64_t date = 365 * past + past / 4 - past / 100 + past / 400 - 719162 + day - 1; /* days since 1970 */
    for (int i = 0; i < month - 1; i++)
        date += days[i] + (leap && i == 1);
    return 86400 * date + 3600 * hour + 60 * minute + second;
}

/* Computes what is found for a text of the usual form, in place of Python; 0 where it has another. */
static int compute(Cache *cache, Text text)
{
    Found *found = cache->computed;
    char *digits = (char *)found->slots[0].before.at;
    if (cache->form == FRACTION) {
        if (text.length != 5 || text.at[0] != '.' || text.at[4] != 'Z' || read_digits(text.at + 1, 3) < 0)
            return 0;
        memcpy(digits, text.at + 1, 3);
        found->slots[0].before.length = 3;
    } else {
        int64_t second = read_second(text);
        if (second <= 0)
            return 0;
        found->slots[0].before.length = snprintf(digits, LONGEST_NUMBER, "%lld", (long long)second);
    }
    memcpy((char *)found->key.at, text.at, (size_t)text.length);
    found->key.length = text.length;
    return 1;
}

/* Sets cache->current; ODD where Python says that the text has nothing to be remembered for. */
static int look_up(Cache *cache, const Cell *cells)
{
    Text text = cells[cache->cell].text;
    Py_ssize_t from = cache->from < text.length ? cache->from : text.length;
    Py_ssize_t to = cache->to >= 0 && cache->to < text.length ? cache->to : text.length;
    text.at += from;
    text.length = to > from ? to - from : 0;
    cache->text = text;
    if (cache->current != NULL && cache->current != cache->for_ipv4 && is_text(cache->current, text))
        return WRITTEN;
    if (cache->for_ipv4 != NULL && is_ipv4(text)) {
        release(cache);
        cache->current = cache->for_ipv4;
        return WRITTEN;
    }
    if (cache->computed != NULL && compute(cache, text)) {
        release(cache);
        cache->current = cache->computed;
        return WRITTEN;
    }
    uint64_t hash = hash_of(text.at, text.length);
    Py_ssize_t place = (Py_ssize_t)(hash & (TABLE - 1));
    for (const Entry *entry; (entry = &cache->table[place])->found != NULL; place = (place + 1) & (TABLE - 1)) {
        if (entry->hash == hash && is_text(entry->found, text)) {
            release(cache);
            cache->current = entry->found;
            return WRITTEN;
        }
    }
    PyObject *slots = PyObject_CallFunction(cache->find, "y#", text.at, text.length);
    if (slots == NULL)
        return FAILED;
    if (slots == Py_None) {
        Py_DECREF(slots);
        return ODD;
    }
    Found *found = make_found(slots, cache->slots, text, NULL);
    Py_DECREF(slots);
    if (found == NULL)
        return FAILED;
    release(cache);
    cache->current = found;
    found->remembered = text.length <= LONGEST_KEY;
    if (!found->remembered)
        return WRITTEN;
    if (cache->used >= REMEMBERED) {
        cache->current = NULL;
        forget(cache);
        cache->current = found;
        place = (Py_ssize_t)(hash & (TABLE - 1));
    }
    cache->table[place] = (Entry){hash, found};
    cache->used++;
    return WRITTEN;
}

static inline const Slot *slot_of(const Machine *self, int cache, Py_ssize_t slot)
{
    return &self->caches[cache].current->slots[slot];
}

static inline int has_slot(const Machine *self, int cache, Py_ssize_t slot)
{
    return slot_of(self, cache, slot)->before.length > 0 || slot_of(self, cache, slot)->with_text;
}

Text find_found(const Machine *self, int form)
{
    for (int i = 0; i < self->cache_count; i++)
        if (self->caches[i].form == form && self->caches[i].slots > 0 && self->caches[i].current != NULL)
            return slot_of(self, i, 0)->before;
    return (Text){"", 0};
}

long long find_time(const Machine *self)
{
    const Text second = find_found(self, SECOND), fraction = find_found(self, FRACTION);
    long long time = 0;
    for (Py_ssize_t i = 0; i < second.length && i < 15; i++)
        time = 10 * time + (second.at[i] - '0');
    return 1000 * time + (fraction.length == 3 ? read_digits(fraction.at, 3) : 0);
}

/* --- writing a row ------------------------------------------------------------------------------ */

static int holds(const Machine *self, const Condition *condition)
{
    if (condition->kind == HAS_SLOT)
        return has_slot(self, condition->a, condition->b);
    const Text *text = &self->cells[condition->a].text;
    if (condition->kind == FITS)
        return text->length <= condition->b;
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

static inline int is_wanted(const Machine *self, const Part *part)
{
    if (part->when >= 0 && !is_filled(self, part->when))
        return 0;
    if (part->all_begin < part->all_end && !hold_all(self, part->all_begin, part->all_end))
        return 0;
    for (int i = part->groups_begin; i < part->groups_end; i++)
        if (hold_all(self, self->groups[i].begin, self->groups[i].end))
            return 0;
    return 1;
}

static int note_cut(const Machine *self, const Part *part)
{
    PyObject *done = PyObject_CallFunction(self->count, "sO", "cut", part->field);
    Py_XDECREF(done);
    return done == NULL ? FAILED : WRITTEN;
}

/* The cell with no more bytes than its field may have, cut between two characters. */
static Cell cut(const Cell *cell, Py_ssize_t limit)
{
    Cell shorter = *cell;
    while (limit > 0 && (cell->text.at[limit] & 0xc0) == 0x80)
        limit--;
    shorter.text.length = limit;
    return shorter;
}

/* The most bytes that the row at hand can come to; -1 where that is no number. */
static Py_ssize_t bound(const Machine *self, Py_ssize_t length, Text start)
{
    Py_ssize_t most = self->fixed + self->starts * start.length + 2 * SLACK, found = 0;
    for (Py_ssize_t i = 0; i < self->cache_count; i++)
        found += self->caches[i].current->total + self->caches[i].text.length;
    Py_ssize_t wide = self->cell_uses * self->widest, largest = PY_SSIZE_T_MAX / 8;
    if ((wide > 0 && length > largest / wide) || (self->slot_uses > 0 && found > largest / self->slot_uses) ||
        most > largest)
        return -1;
    most += found * self->slot_uses + length * wide;
    return most;
}

static int write_parts(Machine *self, Text row, Text start)
{
    if (reserve(self, bound(self, row.length, start)) < 0)
        return FAILED;
    char *to = self->out + self->out_length, *nest_begin = NULL;
    const Part *part = self->parts, *const end = part + self->part_count, *nest = NULL, *nest_end = NULL;
    for (;; part++) {
        if (part == nest_end) {
            /* what was written inside begins with a separator, which goes before what opens the nest */
            Py_ssize_t opened = nest->before.length;
            if (to == nest_begin + opened) {
                to = nest_begin;
            } else {
                memmove(nest_begin + nest->limit, nest_begin, (size_t)opened);
                memcpy(nest_begin, nest->after.at, (size_t)nest->limit);
                to = copy(to, (Text){nest->after.at + nest->limit, nest->after.length - nest->limit});
            }
            nest_end = NULL;
        }
        if (part == end)
            break;
        if (part->kind == NEST) {
            nest = part;
            nest_begin = to;
            nest_end = part + 1 + part->skip;
            to = copy(to, part->before);
            continue;
        }
        if (!is_wanted(self, part)) {
            part += part->skip;
            continue;
        }
        if (part->before.length > 0)
            to = copy(to, part->before);
        switch (part->kind) {
        case CELL: {
            const Cell *cell = &self->cells[part->a];
            if (part->limit > 0 && cell->text.length > part->limit) {
                Cell shorter = cut(cell, part->limit);
                to = copy_cell(self, to, &shorter);
                if (note_cut(self, part) < 0)
                    return FAILED;
            } else {
                to = copy_cell(self, to, cell);
            }
            break;
        }
        case NOTE:
            if (self->cells[part->a].text.length > part->limit && note_cut(self, part) < 0)
                return FAILED;
            break;
        case SLOT: {
            const Slot *slot = slot_of(self, part->a, part->b);
            to = copy(to, slot->before);
            if (slot->with_text) {
                to = copy(to, self->caches[part->a].text);
                to = copy(to, slot->after);
            }
            break;
        }
        case HEAD: {
            Text text = self->cells[part->a].text;
            text.length = text.length < part->b ? text.length : part->b;
            to = copy(to, text);
            break;
        }
        case START:
            memcpy(to, start.at, (size_t)start.length);
            to += start.length;
            break;
        case ROW:
            to = copy_escaped(self, to, row);
            break;
        case IDENTITY:
            to = note_identity(self, to, row);
            break;
        }
        if (part->after.length > 0)
            to = copy(to, part->after);
    }
    self->out_length = to - self->out;
    return WRITTEN;
}

static int report(Machine *self, const char *what)
{
    const Text *event = &self->cells[self->caches[self->events].cell].text;
    PyObject *done = PyObject_CallFunction(self->count, "sy#", what, event->at, event->length);
    Py_XDECREF(done);
    return done == NULL ? FAILED : WRITTEN;
}

/* The payload of the row that was cut into the cells at hand. */
static int write_cells(Machine *self, Text row, Text start)
{
    if (!is_plain(self))
        return ODD;
    for (Py_ssize_t i = 0; i < self->cache_count; i++) {
        int found = look_up(&self->caches[i], self->cells);
        if (found != WRITTEN)
            return found;
    }
    if (self->unknown >= 0 && has_slot(self, self->events, self->unknown) && report(self, "unknown_events") < 0)
        return FAILED;
    if (self->dropped >= 0 && has_slot(self, self->events, self->dropped))
        return report(self, "dropped") < 0 ? FAILED : DROPPED;
    return write_parts(self, row, start);
}

int write_payload(Machine *self, const char *row, Py_ssize_t length, Text start, Text seed)
{
    if (length > self->longest || memchr(row, '\n', (size_t)length) != NULL)
        return ODD;
    if (make_scratch(&self->copied, &self->copied_size, length + 1 + SLACK) < 0 ||
        make_scratch(&self->scratch, &self->scratch_size, length + SLACK) < 0)
        return FAILED;
    memcpy(self->copied, row, (size_t)length);
    memset(self->copied + length, '\n', SLACK + 1);
    Line line;
    if (!split(self, self->copied, &line))
        return ODD;
    write_identities(self, seed);
    int done = write_cells(self, line.row, start);
    if (done == WRITTEN)
        write_identities(self, seed); /* as long as the copy is there */
    self->hashed_count = 0;
    return done;
}

int write_line(Machine *self, const char *at, const char *end, Text start, Text seed, const char **next)
{
    Line line;
    if (!split(self, at, &line) || line.next > end || line.next - 1 - at > self->longest)
        return ODD;
    *next = line.next;
    if (self->hashed_count > MOST_HASHED - self->identities)
        write_identities(self, seed);
    return write_cells(self, line.row, start);
}
