#include "blake2b.h"

#include <string.h>

#define BLOCK 128

static const uint64_t beginning[8] = {
    0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u,
    0x510e527fade682d1u, 0x9b05688c2b3e6c1fu, 0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u,
};

static const unsigned char order[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

/* The text that is being hashed in one lane of the registers. */
typedef struct {
    const Hashed *hashed;
    size_t done; /* bytes of it, the seed included */
    unsigned char block[BLOCK];
} Lane;

static size_t lesser(size_t one, size_t other)
{
    return one < other ? one : other;
}

/* The next 128 bytes of a lane's text, filled up with zeros; counts them. */
static const unsigned char *take_block(Lane *lane, const char *seed, size_t seed_length)
{
    const Hashed *hashed = lane->hashed;
    size_t total = seed_length + hashed->length, some = lesser(total - lane->done, BLOCK);
    size_t begin = lane->done, from_seed = begin < seed_length ? lesser(seed_length - begin, some) : 0;
    lane->done += some;
    if (from_seed == 0 && some == BLOCK)
        return (const unsigned char *)hashed->text + (begin - seed_length);
    memset(lane->block, 0, BLOCK);
    if (from_seed > 0)
        memcpy(lane->block, seed + begin, from_seed);
    if (some > from_seed)
        memcpy(lane->block + from_seed, hashed->text + (begin + from_seed - seed_length), some - from_seed);
    return lane->block;
}

static uint64_t read_word(const unsigned char *at)
{
    uint64_t word;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(&word, at, 8);
#else
    word = 0;
    for (int i = 7; i >= 0; i--)
        word = word << 8 | at[i];
#endif
    return word;
}

static void write_digits(char *to, uint64_t low, uint64_t high)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        unsigned int byte = (unsigned int)((i < 8 ? low : high) >> (8 * (i % 8))) & 0xff;
        *to++ = digits[byte >> 4];
        *to++ = digits[byte & 15];
    }
}

#define TURN(x, n) (((x) >> (n)) | ((x) << (64 - (n))))
#define MIX(a, b, c, d, x, y)                                                                              \
    do {                                                                                                   \
        v[a] += v[b] + (x);                                                                                \
        v[d] = TURN(v[d] ^ v[a], 32);                                                                      \
        v[c] += v[d];                                                                                      \
        v[b] = TURN(v[b] ^ v[c], 24);                                                                      \
        v[a] += v[b] + (y);                                                                                \
        v[d] = TURN(v[d] ^ v[a], 16);                                                                      \
        v[c] += v[d];                                                                                      \
        v[b] = TURN(v[b] ^ v[c], 63);                                                                      \
    } while (0)

#define NAME hash_one_by_one
#define LANES 1
#define TARGET
#include "blake2b_lanes.h"

#if defined(__GNUC__) && defined(__x86_64__)
#define WIDER
#define NAME hash_four
#define LANES 4
#define TARGET __attribute__((target("avx2")))
#include "blake2b_lanes.h"

#define NAME hash_eight
#define LANES 8
#define TARGET __attribute__((target("avx512f")))
#include "blake2b_lanes.h"
#endif

void hash_all(const Hashed *texts, size_t count, const char *seed, size_t seed_length, char *out)
{
#ifdef WIDER
    if (count > 1 && __builtin_cpu_supports("avx512f")) {
        hash_eight(texts, count, seed, seed_length, out);
        return;
    }
    if (count > 1 && __builtin_cpu_supports("avx2")) {
        hash_four(texts, count, seed, seed_length, out);
        return;
    }
#endif
    hash_one_by_one(texts, count, seed, seed_length, out);
}
