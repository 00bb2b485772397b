// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/net/bound_path.hpp"

#include "runtime/net/socket_calls.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace fiber::rt {

bound_path::bound_path(std::string_view path) : path_(path), made_(look()) {}

bound_path::identity bound_path::look() const noexcept {
    struct statx file {};
    if (rt::kernel_call(SYS_statx, AT_FDCWD, path_.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO, &file) < 0)
        return {};
    return {makedev(file.stx_dev_major, file.stx_dev_minor), file.stx_ino};
}

void bound_path::unlink() const noexcept {
    if (!stamp_.is_from_parent() && made_ != identity() && look() == made_)
        static_cast<void>(rt::kernel_call(SYS_unlinkat, AT_FDCWD, path_.c_str(), 0));
}

} // namespace fiber::rt
