// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/hook/hooked.hpp"

#include <cerrno>
#include <cstdlib>
#include <dlfcn.h>
#include <sys/types.h>

#ifndef FIBER_HOOK_WRAP
#ifndef FIBER_HOOK_STATIC
// Missing in a process without libfiber.
extern "C" [[gnu::weak]] fiber::rt::hook_seam const fiber_hook_seam;
#endif

// The linker's names for the section's ends.
extern "C" [[gnu::visibility("hidden")]] fiber::hook_library::real_entry __start_fiber_hooks[];
extern "C" [[gnu::visibility("hidden")]] fiber::hook_library::real_entry __stop_fiber_hooks[];

extern "C" [[gnu::visibility("hidden")]] ssize_t fiber_hook_own_read(int, void*, std::size_t);

// A symbol of each file, so that the linker takes all files of a static library. The calls would not do: a
// shared library of a sanitizer defines some of them, too. CMakeLists.txt makes hook_parts.inc from its list.
#define FIBER_HOOK_FILE(name) extern "C" [[gnu::visibility("hidden")]] char const fiber_hook_part_##name;
#include <hook_parts.inc>
#undef FIBER_HOOK_FILE

namespace {
#define FIBER_HOOK_FILE(name) &fiber_hook_part_##name,
[[gnu::used]] char const* const parts[] = {
#include <hook_parts.inc>
};
} // namespace
#endif

// The program refers to it, so that the linker takes this library: CMakeLists.txt.
FIBER_HOOK_EXPORT char const fiber_hook_anchor = 0;

namespace fiber::hook_library {

constinit seams seam_of{};

[[gnu::noinline]] int current_error() noexcept { return errno; }
[[gnu::noinline]] int fail_with(int error) noexcept {
    errno = error;
    return -1;
}

namespace {

std::uintptr_t address_of_frame() noexcept {
    return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

// A frame of a call that has returned is above the caller's, or has been overwritten. A frame on another
// stack of the fiber says nothing.
bool has_returned(hook_record const& r, std::uintptr_t frame) noexcept {
    return frame - r.low < r.size && address_of_frame() >= frame;
}

#if defined(__aarch64__)

// The return address is in a register at first. A function that calls others keeps it in a frame record, and
// x29 begins the chain of these. Returns false if the chain is broken, because code uses x29 for something
// else.
bool has_no_record(hook_record const& r, rt::open_frame const& of) noexcept {
    // A handler may have interrupted the call before it has made its record.
    if (r.handler != 0 || of.frame - r.low >= r.size)
        return false;
    std::uintptr_t at = address_of_frame();
    while (at < of.frame) {
        auto const* const words = reinterpret_cast<std::uintptr_t const*>(at);
        register std::uintptr_t returns_to asm("x30") = words[1];
        asm("hint #7" : "+r"(returns_to)); // xpaclri: removes the signature
        if (returns_to == of.return_address || words[0] <= at || words[0] % 16 != 0)
            return false;
        at = words[0];
    }
    return at - r.low < r.size;
}

#else

bool has_no_record(hook_record const&, rt::open_frame const& of) noexcept {
    return *reinterpret_cast<std::uintptr_t*>(of.frame) != of.return_address;
}

#endif

} // namespace

[[gnu::noinline]] bool is_in_loader(hook_record& r) noexcept {
    auto const& it = r.loader;
    if (it.frame != 0 && (has_returned(r, it.frame) || (it.return_address != 0 && has_no_record(r, it))))
        r.loader = {};
    return it.frame != 0;
}

[[gnu::noinline]] hook_record* ask_again(hook_seam const& seam, hook_record& r,
                                         bool is_on_own_stack) noexcept {
    if (!is_on_own_stack) {
        seam.count_refusal(rt::refusal::foreign_stack);
        return nullptr;
    }
    if (r.handler != 0 && has_returned(r, r.handler))
        r.handler = 0; // left by longjmp
    bool const in_loader = is_in_loader(r);
    if (r.is_free())
        return &r;
    seam.count_refusal(r.offs != 0      ? rt::refusal::off
                       : r.in_child     ? rt::refusal::vfork
                       : r.handler != 0 ? rt::refusal::handler
                       : in_loader      ? rt::refusal::loader
                                        : rt::refusal::lock);
    return nullptr;
}

#ifdef FIBER_HOOK_WRAP

void* find_real(char const*) noexcept { std::abort(); } // the linker has found all

namespace {

bool is_bound() noexcept { return true; }
hook_seam const* find_seam() noexcept { return &fiber_hook_seam; }
void find_all() noexcept {}

} // namespace

#else

void* find_real(char const* name) noexcept {
    void* const it = ::dlsym(RTLD_NEXT, name);
    if (it == nullptr) // then nobody can have linked against it
        std::abort();
    return it;
}

namespace {

bool is_bound() noexcept {
    return ::dlsym(RTLD_DEFAULT, "read") == reinterpret_cast<void*>(fiber_hook_own_read);
}
hook_seam const* find_seam() noexcept { return &fiber_hook_seam; }

// A name that the system's C library does not have keeps its null: nobody calls it.
void find_all() noexcept {
    for (real_entry const* e = __start_fiber_hooks; e != __stop_fiber_hooks; ++e)
        if (void* const it = ::dlsym(RTLD_NEXT, e->name))
            __atomic_store_n(static_cast<void**>(e->pointer), it, __ATOMIC_RELAXED);
}

} // namespace

#endif

namespace {

[[gnu::constructor(101)]] void begin() { // 101: the first priority that programs may use
    find_all();
    hook_seam const* const seam = find_seam();
    if (seam == nullptr)
        return;
    auto const [io, sleep, dns, tls] = seam->attach(is_bound);
    auto const if_wanted = [seam](bool wanted) { return wanted ? seam : nullptr; };
    seam_of = {.any = if_wanted(io || sleep || dns || tls),
               .io = if_wanted(io),
               .sleep = if_wanted(sleep),
               .dns = if_wanted(dns),
               .tls = if_wanted(tls)};
}

} // namespace

} // namespace fiber::hook_library
