// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// specific.cpp: the values of pthread keys belong to the fiber, where they are used in one. Example: the
// queue of errors of OpenSSL. The destructors of the keys run at the fiber's end.
//
// [hook.key] A key has a generation, which is odd while the key exists. A value carries the generation in
//   which it was set: values of an older key with the same number are no values. Keys get a generation before
//   this library has begun, too: constructors of shared libraries make keys. A key that was not made by our
//   calls has none, and its values belong to the OS thread. A key of a sanitizer has none either: it leads to
//   the state of the OS thread.

#include "runtime/hook/hooked.hpp"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <dlfcn.h>
#include <pthread.h>
#include <threads.h>
#include <type_traits>

// Missing in a process without a sanitizer.
extern "C" [[gnu::weak]] void __sanitizer_set_report_path(char const*);

namespace fiber::hook_library {
namespace {

constexpr std::size_t max_keys = PTHREAD_KEYS_MAX;
using destructor_function = void (*)(void*);

struct key_record {
    std::atomic<std::uint32_t> generation{0};
    std::atomic<destructor_function> destroy{nullptr};
};
constinit key_record keys[max_keys]{};

// The values of one fiber.
struct value {
    void* of;
    pthread_key_t key;
    std::uint32_t generation;
};
struct values {
    std::size_t size, capacity;
    value* first;
};

std::uint32_t generation_of(pthread_key_t key) noexcept {
    return key < max_keys ? keys[key].generation.load(std::memory_order_acquire) : 0; // [hook.key]
}
bool exists(std::uint32_t generation) noexcept { return generation % 2 == 1; }

value* find(values const& in, pthread_key_t key, std::uint32_t generation) noexcept {
    for (value* v = in.first; v != in.first + in.size; ++v)
        if (v->key == key && v->generation == generation)
            return v;
    return nullptr;
}

// Returns the value of the lowest key, from this one on; null if there is none.
value* lowest_from(values const& in, pthread_key_t key) noexcept {
    value* lowest = nullptr;
    for (value* v = in.first; v != in.first + in.size; ++v)
        if (v->of != nullptr && v->key >= key && v->generation == generation_of(v->key) &&
            (lowest == nullptr || v->key < lowest->key))
            lowest = v;
    return lowest;
}

// As the C library: in the order of the keys, and the destructors may set values again, some times. OpenSSL
// relies on the order: a destructor uses the value of a later key, which has no destructor.
void destroy_values(void* specific) noexcept {
    auto* const all = static_cast<values*>(specific);
    for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS; ++round) {
        bool has_found = false;
        pthread_key_t next = 0;
        while (value* const v = lowest_from(*all, next)) {
            next = v->key + 1;
            void* const of = v->of;
            v->of = nullptr;
            if (auto const destroy =
                    keys[v->key].destroy.load(std::memory_order_relaxed)) { // with its generation
                has_found = true;
                destroy(of); // may park, and move the array
            }
        }
        if (!has_found)
            break;
    }
}

// Frees the values. Called when no destructor follows.
void end_values(void* specific) noexcept {
    destroy_values(specific);
    auto* const all = static_cast<values*>(specific);
    if (seam_of.tls != nullptr)
        if (hook_record* const r = seam_of.tls->caller().record; r != nullptr && r->specific == all)
            r->specific = nullptr;
    std::free(all->first);
    std::free(all);
}

values* make_values(hook_record& r) noexcept {
    auto* const made = static_cast<values*>(std::calloc(1, sizeof(values)));
    if (made == nullptr)
        return nullptr;
    if (!seam_of.tls->at_exit(end_values, made)) {
        std::free(made);
        return nullptr;
    }
    r.specific = made;
    return made;
}

// Returns null if there is no memory.
value* add(values& to, pthread_key_t key, std::uint32_t generation) noexcept {
    for (value* v = to.first; v != to.first + to.size; ++v)
        if (v->of == nullptr || v->generation != generation_of(v->key)) { // of a key that is gone
            *v = {nullptr, key, generation};
            return v;
        }
    if (to.size == to.capacity) {
        std::size_t const more = to.capacity != 0 ? 2 * to.capacity : 4;
        auto* const moved = static_cast<value*>(std::realloc(to.first, more * sizeof(value)));
        if (moved == nullptr)
            return nullptr;
        to.first = moved;
        to.capacity = more;
    }
    to.first[to.size] = {nullptr, key, generation};
    return &to.first[to.size++];
}

// Returns the caller's record if its values are the fiber's. In a handler they are the OS thread's: it may
// have interrupted a change of the fiber's.
hook_record* record_for(std::uint32_t generation) noexcept {
    hook_record* const record = exists(generation) ? record_on_own_stack(seam_of.tls) : nullptr;
    return record != nullptr && !record->is_adding && record->handler == 0 ? record : nullptr;
}

#ifdef FIBER_HOOK_WRAP
bool is_in_sanitizer(void const*) noexcept { return false; } // sanitizers need a dynamic linker
#else
// Returns true if the address belongs to the library, or the program, that contains a sanitizer.
bool is_in_sanitizer(void const* address) noexcept {
    if (__sanitizer_set_report_path == nullptr)
        return false;
    Dl_info sanitizer{}, caller{};
    return ::dladdr(reinterpret_cast<void*>(__sanitizer_set_report_path), &sanitizer) != 0 &&
           ::dladdr(address, &caller) != 0 && sanitizer.dli_fbase == caller.dli_fbase;
}
#endif

// ── the calls, which C11 has under other names ──

static_assert(std::is_same_v<tss_t, pthread_key_t> && std::is_same_v<tss_dtor_t, destructor_function>);

// `made` is the result of the real call, 0 for success.
int note_created(int made, pthread_key_t const* key, destructor_function destroy,
                 void const* caller) noexcept {
    if (made == 0 && *key < max_keys && !is_in_sanitizer(caller)) {
        keys[*key].destroy.store(destroy, std::memory_order_relaxed);
        keys[*key].generation.fetch_add(1, std::memory_order_release); // [hook.key]
    }
    return made;
}

void note_deleted(pthread_key_t key) noexcept {
    if (exists(generation_of(key)))
        keys[key].generation.fetch_add(1, std::memory_order_release); // [hook.key]
}

template <class Real>
void* get_value(pthread_key_t key, Real& real) noexcept {
    std::uint32_t const generation = generation_of(key);
    hook_record* const r = record_for(generation);
    if (r == nullptr)
        return real(key);
    if (r->specific == nullptr)
        return nullptr;
    value const* const v = find(*static_cast<values*>(r->specific), key, generation);
    return v != nullptr ? v->of : nullptr;
}

// Returns no_memory if there is none, and otherwise what the real call returns.
template <class Real>
int set_value(pthread_key_t key, void const* of, Real& real, int no_memory) noexcept {
    std::uint32_t const generation = generation_of(key);
    hook_record* const r = record_for(generation);
    if (r == nullptr)
        return real(key, const_cast<void*>(of)); // it is only stored
    auto* all = static_cast<values*>(r->specific);
    value* v = all != nullptr ? find(*all, key, generation) : nullptr;
    if (v == nullptr) {
        if (of == nullptr)
            return 0;
        r->is_adding = true; // an allocator may use keys itself
        if (all == nullptr)
            all = make_values(*r);
        if (all != nullptr)
            v = add(*all, key, generation);
        r->is_adding = false;
        if (v == nullptr)
            return no_memory;
    }
    v->of = const_cast<void*>(of);
    return 0;
}

} // namespace
} // namespace fiber::hook_library

using namespace fiber::hook_library;

FIBER_HOOK_EARLY(int, pthread_key_create, (pthread_key_t * key, void (*destroy)(void*)),
                 "__pthread_key_create") {
    return note_created(real_pthread_key_create(key, destroy), key, destroy, __builtin_return_address(0));
}
FIBER_HOOK(int, pthread_key_delete, (pthread_key_t key)) {
    note_deleted(key);
    return real_pthread_key_delete(key);
}
FIBER_HOOK_EARLY(void*, pthread_getspecific, (pthread_key_t key), "__pthread_getspecific") {
    return get_value(key, real_pthread_getspecific);
}
FIBER_HOOK_EARLY(int, pthread_setspecific, (pthread_key_t key, void const* of), "__pthread_setspecific") {
    return set_value(key, of, real_pthread_setspecific, ENOMEM);
}

FIBER_HOOK(int, tss_create, (tss_t * key, tss_dtor_t destroy)) {
    return note_created(real_tss_create(key, destroy), key, destroy, __builtin_return_address(0));
}
FIBER_HOOK(void, tss_delete, (tss_t key)) {
    note_deleted(key);
    real_tss_delete(key);
}
FIBER_HOOK(void*, tss_get, (tss_t key)) { return get_value(key, real_tss_get); }
FIBER_HOOK(int, tss_set, (tss_t key, void* of)) { return set_value(key, of, real_tss_set, thrd_nomem); }

FIBER_HOOK_PART(specific)
