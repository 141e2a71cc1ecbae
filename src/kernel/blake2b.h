/* BLAKE2b of 16 bytes without a key (RFC 7693), of many texts with a common beginning. */
#ifndef EXNORM_BLAKE2B_H
#define EXNORM_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *text;
    size_t length;
    size_t place; /* where in the output its 32 hexadecimal digits go */
} Hashed;

void hash_all(const Hashed *texts, size_t count, const char *seed, size_t seed_length, char *out);

#endif
