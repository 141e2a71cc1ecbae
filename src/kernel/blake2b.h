/* BLAKE2b of 16 bytes without a key (RFC 7693). */
#ifndef EXNORM_BLAKE2B_H
#define EXNORM_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t state[8];
    uint64_t length;
    unsigned char block[128];
    size_t used;
} Blake;

void blake_begin(Blake *self);
void blake_add(Blake *self, const char *at, size_t length);
void blake_end(Blake *self, unsigned char digest[16]);

#endif
