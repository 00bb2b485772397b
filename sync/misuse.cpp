// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "sync/misuse.hpp"

#include "runtime/base/process/exiting.hpp"
#include "runtime/base/process/fatal.hpp"
#include "sync/caller_name.hpp"

#include <dlfcn.h>

namespace fiber::rt {

char const* name_of(detail::lock_kind kind) noexcept {
    using detail::lock_kind;
    switch (kind) {
    case lock_kind::mutex:
        return "fiber::mutex";
    case lock_kind::timed_mutex:
        return "fiber::timed_mutex";
    case lock_kind::recursive_mutex:
        return "fiber::recursive_mutex";
    case lock_kind::recursive_timed_mutex:
        return "fiber::recursive_timed_mutex";
    case lock_kind::shared_mutex:
        return "fiber::shared_mutex";
    case lock_kind::shared_timed_mutex:
        return "fiber::shared_timed_mutex";
    }
    return "";
}

void report_misuse(char const* kind, void const* object, char const* what) noexcept {
    fatal("%s %p: %s (in %s)", kind, object, what, name_of_caller().text);
}

void report_destroyed_in_use(char const* kind, void const* object, char const* what) noexcept {
    Dl_info module;
    if (::dladdr(object, &module) != 0) // static storage: in the image of the program or of a library
        return;
    if (exit_has_begun())
        return;
    fatal("%s %p: destroyed while %s (in %s)", kind, object, what, name_of_caller().text);
}

} // namespace fiber::rt
