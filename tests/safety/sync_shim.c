/* Loaded before libc: counts every fsync and fdatasync, and makes some of them fail or hang.
 *
 * The file named by SYNC_SHIM is shared with the test: byte 0 is the mode (0 pass, 'F' fail with EIO, 'H' hang
 * while it stays so), bytes 1 to 255 are the end of the path that is meant (empty: every path), and a counter of
 * the syncs that succeeded stands at byte 256.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define COUNTER 256

static volatile char *page;

__attribute__((constructor)) static void open_page(void) {
    const char *path = getenv("SYNC_SHIM");
    int handle = path ? open(path, O_RDWR) : -1;
    if (handle < 0) return;
    void *found = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
    close(handle);
    if (found != MAP_FAILED) page = found;
}

static int is_meant(int handle) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, sizeof path - 1);
    size_t end = strlen((const char *)page + 1);
    return length >= (ssize_t)end && memcmp(path + length - end, (const char *)page + 1, end) == 0;
}

static int synced(int handle, int (*real)(int)) {
    if (page && page[0] && is_meant(handle)) {
        while (page[0] == 'H') usleep(2000);
        if (page[0] == 'F') {
            errno = EIO;
            return -1;
        }
    }
    int result = real(handle);
    if (page && result == 0) __atomic_add_fetch((uint64_t *)(page + COUNTER), 1, __ATOMIC_SEQ_CST);
    return result;
}

int fsync(int handle) { return synced(handle, (int (*)(int))dlsym(RTLD_NEXT, "fsync")); }

int fdatasync(int handle) { return synced(handle, (int (*)(int))dlsym(RTLD_NEXT, "fdatasync")); }
