#include "blake2b.h"

#include <string.h>

static const uint64_t blake_start[8] = {
    0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u,
    0x510e527fade682d1u, 0x9b05688c2b3e6c1fu, 0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u,
};

static const unsigned char blake_order[10][16] = {
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

static void blake_block(Blake *self, const unsigned char *block, int is_last)
{
    uint64_t v[16], m[16];
    for (int i = 0; i < 16; i++) {
        m[i] = 0;
        for (int k = 7; k >= 0; k--)
            m[i] = m[i] << 8 | block[8 * i + k];
    }
    for (int i = 0; i < 8; i++) {
        v[i] = self->state[i];
        v[i + 8] = blake_start[i];
    }
    v[12] ^= self->length;
    if (is_last)
        v[14] = ~v[14];
    for (int round = 0; round < 12; round++) {
        const unsigned char *s = blake_order[round % 10];
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
        self->state[i] ^= v[i] ^ v[i + 8];
}

void blake_add(Blake *self, const char *at, size_t length)
{
    size_t left = length;
    while (left > 0) {
        if (self->used == 128) { /* not before there is more: the last block is another */
            self->length += 128;
            blake_block(self, self->block, 0);
            self->used = 0;
        }
        size_t some = 128 - self->used < left ? 128 - self->used : left;
        memcpy(self->block + self->used, at, some);
        self->used += some;
        at += some;
        left -= some;
    }
}

void blake_begin(Blake *self)
{
    self->length = 0;
    self->used = 0;
    memcpy(self->state, blake_start, sizeof(blake_start));
    self->state[0] ^= 0x01010000u ^ 16u; /* no key, 16 bytes */
}

void blake_end(Blake *self, unsigned char digest[16])
{
    memset(self->block + self->used, 0, 128 - self->used);
    self->length += self->used;
    blake_block(self, self->block, 1);
    for (int i = 0; i < 16; i++)
        digest[i] = (unsigned char)(self->state[i / 8] >> (8 * (i % 8)));
}
