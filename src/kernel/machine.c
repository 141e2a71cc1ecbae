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
    if (!self->built) {
        PyErr_SetString(PyExc_ValueError, "Machine: it was not made from a program");
        return -1;
    }
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
    if (!self->may_be_absent[cell])
        return text->length > 0;
    return text->length > 0 && !is_same(*text, self->absent.at, self->absent.length);
}

static int is_number(const Text *text, Py_ssize_t digits)
{
    if (text->length > digits || (text->at[0] == '0' && text->length > 1))
        return 0;
    for (Py_ssize_t i = 0; i < text->length; i++)
        if (text->at[i] < '0' || text->at[i] > '9')
            return 0;
    return 1;
}

/* Whether no member of a list begins with an apostrophe. */
static int is_unwrapped(const Text *text)
{
    const char *at = text->at, *const end = at + text->length;
    for (const char *found = at; (found = memchr(found, '\'', (size_t)(end - found))) != NULL; found++)
        if (found == at || found[-1] == ';')
            return 0;
    return 1;
}

static int is_plain(const Machine *self)
{
    for (Py_ssize_t i = 0; i < self->check_count; i++) {
        const Check *check = &self->checks[i];
        const Text *text = &self->cells[check->cell].text;
        switch (check->kind) {
        case LIMIT:
            if (text->length > check->most)
                return 0;
            break;
        case DIGITS:
            if (is_filled(self, check->cell) && !is_number(text, check->most))
                return 0;
            break;
        default:
            if (text->length > 0 && !is_unwrapped(text))
                return 0;
        }
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

/* Reads the row's time from its first cell, or its first two; 0 where it is an unusual one. */
static int read_time(Machine *self)
{
    const Text text = self->cells[0].text;
    char moment[MOMENT_LENGTH];
    memcpy(self->fraction, "000", 3);
    if (self->times == 0)
        return 1;
    if (self->times == 2) {
        const Text clock = self->cells[1].text;
        if (text.length != 10 || clock.length != 8)
            return 0;
        memcpy(moment, text.at, 10);
        moment[10] = 'T';
        memcpy(moment + 11, clock.at, 8);
    } else {
        if (text.length == MOMENT_LENGTH + 5 && text.at[MOMENT_LENGTH] == '.' &&
            read_digits(text.at + MOMENT_LENGTH + 1, 3) >= 0)
            memcpy(self->fraction, text.at + MOMENT_LENGTH + 1, 3);
        else if (text.length != MOMENT_LENGTH + 1)
            return 0;
        if (text.at[text.length - 1] != 'Z')
            return 0;
        memcpy(moment, text.at, MOMENT_LENGTH);
    }
    if (self->second_length > 0 && memcmp(moment, self->moment, MOMENT_LENGTH) == 0)
        return 1;
    int64_t second = read_second((Text){moment, MOMENT_LENGTH});
    if (second <= 0)
        return 0;
    memcpy(self->moment, moment, MOMENT_LENGTH);
    self->second_length = snprintf(self->second, LONGEST_NUMBER, "%lld", (long long)second);
    return 1;
}

long long find_time(const Machine *self)
{
    long long time = 0;
    for (Py_ssize_t i = 0; i < self->second_length; i++)
        time = 10 * time + (self->second[i] - '0');
    return 1000 * time + (self->second_length > 0 ? read_digits(self->fraction, 3) : 0);
}

/* The texts that are looked up; several of them with a LF, which is in none, between two. */
static int read_key(Cache *cache, const Cell *cells, Text *key)
{
    const Cells *keys = &cache->keys;
    cache->text = keys->count > 0 ? cells[keys->cells[0]].text : (Text){nothing, 0};
    *key = cache->text;
    if (keys->count < 2)
        return 0;
    Py_ssize_t length = keys->count - 1;
    for (Py_ssize_t i = 0; i < keys->count; i++)
        length += cells[keys->cells[i]].text.length;
    if (make_scratch(&cache->key, &cache->key_size, length + SLACK) < 0)
        return -1;
    char *to = cache->key;
    for (Py_ssize_t i = 0; i < keys->count; i++) {
        const Text text = cells[keys->cells[i]].text;
        if (i > 0)
            *to++ = '\n';
        if (text.length > 0)
            memcpy(to, text.at, (size_t)text.length);
        to += text.length;
    }
    *key = (Text){cache->key, length};
    return 0;
}

/* Whether the first key is an IPv4 address, and the others are empty. */
static int is_for_ipv4(const Cache *cache, Text key)
{
    return is_ipv4(cache->text) && key.length == cache->text.length + (cache->keys.count - 1);
}

/* Sets cache->current; ODD where Python says that nothing is to be found for these texts. */
static int look_up(Machine *self, Cache *cache)
{
    Text text;
    if (read_key(cache, self->cells, &text) < 0)
        return FAILED;
    if (cache->current != NULL && cache->current != cache->for_ipv4 && is_text(cache->current, text))
        return WRITTEN;
    if (cache->for_ipv4 != NULL && is_for_ipv4(cache, text)) {
        release(cache);
        cache->current = cache->for_ipv4;
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
    Found *found = make_found(self, slots, cache->into.count + cache->slots, text, NULL);
    Py_DECREF(slots);
    if (found == NULL)
        return FAILED;
    release(cache);
    cache->current = found;
    found->remembered = text.length <= self->longest_key;
    if (!found->remembered)
        return WRITTEN;
    if (cache->used >= self->remembered) {
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
    return &self->caches[cache].current->slots[self->caches[cache].into.count + slot];
}

static inline int has_slot(const Machine *self, int cache, Py_ssize_t slot)
{
    return slot_of(self, cache, slot)->before.length > 0 || slot_of(self, cache, slot)->with_text;
}

/* --- steps ---------------------------------------------------------------------------------------- */

static int remember(Machine *self, Cache *cache)
{
    int done = look_up(self, cache);
    if (done != WRITTEN)
        return done;
    for (Py_ssize_t i = 0; i < cache->into.count; i++) {
        const Slot *slot = &cache->current->slots[i];
        Text text = slot->with_text ? cache->text : slot->before;
        self->cells[cache->into.cells[i]] = (Cell){text, slot->with_text ? 0 : slot->special};
    }
    return WRITTEN;
}

static int join(Machine *self, Step *step)
{
    Cell *into = &self->cells[step->into.cells[0]];
    int one = step->keys.cells[0], other = step->keys.cells[1];
    Cell first = is_filled(self, one) ? self->cells[one] : (Cell){{nothing, 0}, 0}, second = self->cells[other];
    if (!is_filled(self, other)) {
        *into = first;
        return WRITTEN;
    }
    Text by = step->text;
    if (step->a && second.text.length >= by.length && memcmp(second.text.at, by.at, (size_t)by.length) == 0)
        by.length = 0;
    Py_ssize_t length = first.text.length + by.length + second.text.length;
    if (make_scratch(&step->joined, &step->joined_size, length + 2 * SLACK) < 0)
        return FAILED;
    memcpy(step->joined, first.text.at, (size_t)first.text.length);
    memcpy(step->joined + first.text.length, by.at, (size_t)by.length);
    memcpy(step->joined + first.text.length + by.length, second.text.at, (size_t)second.text.length);
    *into = (Cell){{step->joined, length}, first.special | second.special | step->b};
    return WRITTEN;
}

static int holds_text(Text text, Text part)
{
    for (const char *at = text.at, *end = at + text.length; end - at >= part.length; at++) {
        at = memchr(at, part.at[0], (size_t)(end - at - part.length + 1));
        if (at == NULL)
            return 0;
        if (memcmp(at, part.at, (size_t)part.length) == 0)
            return 1;
    }
    return 0;
}

static inline char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : byte;
}

/* The same without case. A letter beyond ASCII may be an ASCII one in lower case: then nothing is known, and 1. */
static int may_hold(Text text, Text part)
{
    for (Py_ssize_t at = 0; at < text.length; at++) {
        unsigned char byte = (unsigned char)text.at[at];
        if (byte == 0xe2 && text.length - at >= 3 && memcmp(text.at + at, "\xe2\x84\xaa", 3) == 0)
            return 1; /* the sign of kelvin */
        if (byte == 0xc4 && text.length - at >= 2 && (unsigned char)text.at[at + 1] == 0xb0)
            return 1; /* I with a dot */
        if (byte >= 0x80 || text.length - at < part.length)
            continue;
        Py_ssize_t same = 0;
        while (same < part.length && lower(text.at[at + same]) == part.at[same])
            same++;
        if (same == part.length)
            return 1;
    }
    return 0;
}

/* ODD where one of the cells may hold one of the lines of a slot. */
static int guard(const Machine *self, const Step *step)
{
    const Slot *slot = slot_of(self, step->a, step->b);
    const char *at = slot->before.at, *const end = at + slot->before.length;
    while (at < end) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        Text part = {at, (next == NULL ? end : next) - at};
        for (Py_ssize_t i = 0; i < part.length; i++)
            if ((unsigned char)part.at[i] >= 0x80)
                return ODD;
        for (Py_ssize_t i = 0; i < step->keys.count; i++) {
            const Text text = self->cells[step->keys.cells[i]].text;
            if (text.length >= part.length && may_hold(text, part))
                return ODD;
        }
        at += part.length + 1;
    }
    return WRITTEN;
}

/* Whether one of the hints begins here; there are that many bytes left. */
static int begins_hint(const Step *step, const char *text, Py_ssize_t left)
{
    const char *at = step->text.at, *const end = at + step->text.length;
    for (const char *next; at < end; at = next + 1) {
        next = memchr(at, '\n', (size_t)(end - at));
        next = next == NULL ? end : next;
        Py_ssize_t same = 0;
        while (same < next - at && same < left && lower(text[same]) == at[same])
            same++;
        if (same == next - at)
            return 1;
    }
    return 0;
}

/* Whether a text may hold one of the hints; one that is not ASCII may hold any. */
static int may_hold_hint(const Step *step, Text text)
{
    unsigned int pair = 0;
    for (Py_ssize_t at = 0; at < text.length; at++) {
        unsigned char byte = (unsigned char)lower(text.at[at]);
        if (byte >= 0x80)
            return 1;
        pair = (pair << 8 | byte) & (HINTED - 1);
        if (at > 0 && step->joined[pair / 8] >> pair % 8 & 1 &&
            begins_hint(step, text.at + at - 1, text.length - at + 1))
            return 1;
    }
    return 0;
}

static int run_step(Machine *self, Step *step)
{
    int cell = step->keys.count > 0 ? step->keys.cells[0] : 0, wanted = 1;
    switch (step->kind) {
    case MEMO: return remember(self, &self->caches[step->a]);
    case JOIN: return join(self, step);
    case GUARD: return guard(self, step);
    case GATE:
        wanted = step->a < 0 || has_slot(self, step->a, step->b);
        if (step->keys.count > 1)
            wanted = self->cells[step->keys.cells[1]].text.length > step->b;
        wanted = wanted && (step->text.length == 0 || holds_text(self->cells[cell].text, step->text));
        break;
    case SIFT: wanted = may_hold_hint(step, self->cells[cell].text); break;
    default:
        for (Py_ssize_t i = 1; i < step->keys.count; i++)
            wanted = wanted && !is_filled(self, step->keys.cells[i]);
    }
    self->cells[step->into.cells[0]] = wanted && is_filled(self, cell) ? self->cells[cell] : (Cell){{nothing, 0}, 0};
    return WRITTEN;
}

/* --- writing a row ------------------------------------------------------------------------------ */

static int holds(const Machine *self, const Condition *condition)
{
    if (condition->kind == HAS_SLOT)
        return has_slot(self, condition->a, condition->b);
    const Text *text = &self->cells[condition->a].text;
    if (condition->kind == FITS)
        return text->length <= condition->b;
    return !is_same(*text, condition->text.at, condition->text.length);
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
    for (int cell = self->columns; cell < self->cell_count; cell++)
        length += self->cells[cell].text.length;
    if (wide > 0 && length > largest / wide)
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
        case MOMENT:
            to = copy(to, (Text){self->moment, MOMENT_LENGTH});
            break;
        case SECOND:
            to = copy(to, (Text){self->second, self->second_length});
            break;
        case FRACTION:
            to = copy(to, (Text){self->fraction, 3});
            break;
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

/* Counts what the row says; DROPPED where it has no payload. */
static int count_notes(const Machine *self)
{
    for (Py_ssize_t i = 0; i < self->note_count; i++) {
        const Note *note = &self->notes[i];
        if (!has_slot(self, note->cache, note->slot))
            continue;
        const Text text = slot_of(self, note->cache, note->slot)->before;
        PyObject *done = PyObject_CallFunction(self->count, "Oy#", note->what, text.at, text.length);
        if (done == NULL)
            return FAILED;
        Py_DECREF(done);
        if (note->drops)
            return DROPPED;
    }
    return WRITTEN;
}

/* The payload of the row that was cut into the cells at hand. */
static int write_cells(Machine *self, Text row, Text start)
{
    if (!read_time(self))
        return ODD;
    for (Py_ssize_t i = 0; i < self->step_count; i++) {
        int done = run_step(self, &self->steps[i]);
        if (done != WRITTEN)
            return done;
    }
    if (!is_plain(self))
        return ODD;
    int done = count_notes(self);
    return done == WRITTEN ? write_parts(self, row, start) : done;
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
