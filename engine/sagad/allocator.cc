// sagad's allocator. What one thread allocates another frees (engine, store, dispatcher), for which the C library's
// takes a fifth of the process's CPU; and jemalloc gives a thread first what was freed last, which is still in the
// processor's cache.
#include <jemalloc/jemalloc.h>

/// Read by jemalloc before `main`. Memory that nobody uses any more goes back to the system within two seconds, by a
/// thread of jemalloc's own: after a burst, no thread of ours may allocate for long. Sooner, what is given back is soon
/// asked for again: within 0.3 s, a fifth of what it takes to read a hundred thousand sagas back went into that.
const char* malloc_conf = "narenas:1,background_thread:true,dirty_decay_ms:2000,muzzy_decay_ms:0";
