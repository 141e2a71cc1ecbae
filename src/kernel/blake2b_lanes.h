/* hash_all() with LANES texts at a time, each in one lane of wide registers; included once for each width. */
#if LANES == 1
#define WORDS uint64_t
#define WORD(words, lane) (words)
#else
#define WORDS_NAME(lanes) Words##lanes
#define WORDS_OF(lanes) WORDS_NAME(lanes)
#define WORDS WORDS_OF(LANES)
#define WORD(words, lane) ((words)[lane])
typedef uint64_t WORDS __attribute__((vector_size(8 * LANES)));
#endif

TARGET static void NAME(const Hashed *texts, size_t count, const char *seed, size_t seed_length, char *out)
{
    const Hashed *const end = texts + count;
    WORDS state[8], v[16], m[16];
    uint64_t words[16][LANES], done[LANES], last[LANES];
    Lane lanes[LANES];
    int busy = 0;
    memset(state, 0, sizeof(state));
    memset(words, 0, sizeof(words));
    for (int lane = 0; lane < LANES; lane++)
        lanes[lane].hashed = NULL;
    for (;;) {
        for (int lane = 0; lane < LANES; lane++) {
            Lane *own = &lanes[lane];
            done[lane] = last[lane] = 0;
            if (own->hashed == NULL) {
                if (texts == end)
                    continue;
                own->hashed = texts++;
                own->done = 0;
                busy++;
                for (int i = 0; i < 8; i++)
                    WORD(state[i], lane) = beginning[i];
                WORD(state[0], lane) ^= 0x01010000u ^ 16u; /* no key, 16 bytes */
            }
            const unsigned char *block = take_block(own, seed, seed_length);
            for (int i = 0; i < 16; i++)
                words[i][lane] = read_word(block + 8 * i);
            done[lane] = own->done;
            last[lane] = own->done == seed_length + own->hashed->length ? ~(uint64_t)0 : 0;
        }
        if (busy == 0)
            return;
        WORDS changed;
        for (int i = 0; i < 8; i++) {
            v[i] = state[i];
            v[i + 8] = (WORDS){0} + beginning[i];
        }
        memcpy(&changed, done, sizeof(changed));
        v[12] ^= changed;
        memcpy(&changed, last, sizeof(changed));
        v[14] ^= changed;
        memcpy(m, words, sizeof(m));
        for (int round = 0; round < 12; round++) {
            const unsigned char *s = order[round % 10];
            MIX(0, 4, 8, 12, m[s[0]], m[s[1]]);
            MIX(1, 5, 9, 13, m[s[2]], m[s[3]]);
            MIX(2, 6, 10, 14, m[s[4]], m[s[5]]);
            MIX(3, 7, 11, 15, m[s[6]], m[s[7]]);
            MIX(0, 5, 10, 15, m[s[8]], m[s[9]]);
            MIX(1, 6, 11, 12, m[s[10]], m[s[11]]);
            MIX(2, 7, 8, 13, m[s[12]], m[s[13]]);
            MIX(3, 4, 9, 14, m[s[14]], m[s[15]]);
        }
        for (int i = 0; i < 8; i++)
            state[i] ^= v[i] ^ v[i + 8];
        for (int lane = 0; lane < LANES; lane++) {
            if (!last[lane])
                continue;
            write_digits(out + lanes[lane].hashed->place, WORD(state[0], lane), WORD(state[1], lane));
            lanes[lane].hashed = NULL;
            busy--;
        }
    }
}

#undef NAME
#undef LANES
#undef TARGET
#undef WORDS
#undef WORD
#ifdef WORDS_OF
#undef WORDS_NAME
#undef WORDS_OF
#endif
