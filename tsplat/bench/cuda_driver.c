/* A CUDA driver that has no device: libcuda.so for tsplat.bench.cuda.
 *
 * It lets Taichi compile for a GPU where there is none. Every call succeeds and does nothing:
 * memory is an address, what is written goes nowhere, what is read is zero, kernels are not run.
 * Modules, which Taichi hands over as PTX, are written to $TSPLAT_PTX/NNN.ptx. The device says
 * that its compute capability is $TSPLAT_SM, such as 75.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOMETHING ((void *)0x10000)
#define GIVE(name, type, value) \
    int name(type *out) { *out = (value); return 0; }
#define DONE(name) \
    int name(void) { return 0; }
#define MISSING(name) \
    int name(void) { return 801; } /* CUDA_ERROR_NOT_SUPPORTED */

enum {
    MAX_THREADS_PER_BLOCK = 1,
    MAX_SHARED_MEMORY = 8,
    WARP_SIZE = 10,
    MULTIPROCESSORS = 16,
    MAJOR = 75,
    MINOR = 76,
    MAX_SHARED_MEMORY_OPTIN = 97,
    MEMORY_POOLS = 115,
};

static int capability(void) {
    const char *text = getenv("TSPLAT_SM");
    return text ? atoi(text) : 75;
}

GIVE(cuDriverGetVersion, int, 12080)
GIVE(cuDeviceGetCount, int, 1)
GIVE(cuDeviceGet, int, 0)
GIVE(cuCtxCreate_v2, void *, SOMETHING)
GIVE(cuCtxGetCurrent, void *, SOMETHING)
GIVE(cuDevicePrimaryCtxRetain, void *, SOMETHING)
GIVE(cuDeviceGetDefaultMemPool, void *, SOMETHING)
GIVE(cuStreamCreate, void *, SOMETHING)
GIVE(cuEventCreate, void *, SOMETHING)
GIVE(cuEventElapsedTime, float, 1)
GIVE(cuModuleGetFunction, void *, SOMETHING)
GIVE(cuFuncGetAttribute, int, 256)
GIVE(cuOccupancyMaxActiveBlocksPerMultiprocessor, int, 4)
DONE(cuInit)
DONE(cuCtxSetCurrent)
DONE(cuCtxSetLimit)
DONE(cuMemPoolSetAttribute)
DONE(cuMemFree_v2)
DONE(cuMemFreeAsync)
DONE(cuMemAdvise)
DONE(cuMemcpyHtoD_v2)
DONE(cuMemcpyDtoD_v2)
DONE(cuMemcpyHtoDAsync_v2)
DONE(cuMemsetD8_v2)
DONE(cuMemsetD32_v2)
DONE(cuStreamSynchronize)
DONE(cuFuncSetAttribute)
DONE(cuLaunchKernel)
DONE(cuEventDestroy)
DONE(cuEventRecord)
DONE(cuEventSynchronize)
MISSING(cuPointerGetAttribute)
MISSING(cuExternalMemoryGetMappedBuffer)
MISSING(cuExternalMemoryGetMappedMipmappedArray)
MISSING(cuImportExternalMemory)
MISSING(cuImportExternalSemaphore)
MISSING(cuMipmappedArrayGetLevel)
MISSING(cuSignalExternalSemaphoresAsync)
MISSING(cuSurfObjectCreate)
MISSING(cuWaitExternalSemaphoresAsync)

int cuDeviceGetName(char *out, int size, int device) {
    (void)device;
    snprintf(out, (size_t)size, "no device, sm_%d", capability());
    return 0;
}

int cuDeviceGetAttribute(int *out, int attribute, int device) {
    (void)device;
    switch (attribute) {
    case MAJOR: *out = capability() / 10; break;
    case MINOR: *out = capability() % 10; break;
    case MULTIPROCESSORS: *out = 80; break;
    case WARP_SIZE: *out = 32; break;
    case MAX_SHARED_MEMORY: *out = 48 << 10; break;
    case MAX_SHARED_MEMORY_OPTIN: *out = 64 << 10; break;
    case MEMORY_POOLS: *out = 1; break; /* else kernels, which do not run, would allocate */
    case MAX_THREADS_PER_BLOCK:
    default: *out = 1024;
    }
    return 0;
}

/* Taichi insists that no two allocations share an address. */
int cuMemAlloc_v2(void **out, size_t size) {
    static uintptr_t next = 1 << 20;
    *out = (void *)next;
    next += (size + 4095) & ~(uintptr_t)4095;
    return 0;
}

int cuMemAllocAsync(void **out, size_t size, void *stream) {
    (void)stream;
    return cuMemAlloc_v2(out, size);
}

int cuMemAllocManaged(void **out, size_t size, unsigned flags) {
    (void)flags;
    *out = calloc(1, size);
    return *out ? 0 : 2;
}

int cuMemGetInfo_v2(size_t *available, size_t *total) {
    *available = *total = (size_t)8 << 30;
    return 0;
}

int cuMemcpyDtoH_v2(void *to, const void *from, size_t size) {
    (void)from;
    memset(to, 0, size);
    return 0;
}

int cuMemcpyDtoHAsync_v2(void *to, const void *from, size_t size, void *stream) {
    (void)stream;
    return cuMemcpyDtoH_v2(to, from, size);
}

int cuModuleLoadDataEx(void **out, const char *image, unsigned n, void *options, void *values) {
    static int modules;
    char path[4096];
    (void)n, (void)options, (void)values;
    snprintf(path, sizeof path, "%s/%03d.ptx", getenv("TSPLAT_PTX"), modules++);
    FILE *file = fopen(path, "w");
    if (!file || fputs(image, file) < 0 || fclose(file)) return 1;
    *out = SOMETHING;
    return 0;
}

int cuGetErrorName(int code, const char **out) {
    (void)code;
    *out = "CUDA_ERROR";
    return 0;
}

int cuGetErrorString(int code, const char **out) {
    (void)code;
    *out = "there is no device";
    return 0;
}
