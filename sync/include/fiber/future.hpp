// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/future.hpp>: std::future and what makes one: promise, packaged_task, async. For fibers and OS threads.
#pragma once

#include <fiber/detail/async.hpp>
#include <fiber/detail/future.hpp>
#include <fiber/detail/packaged_task.hpp>
#include <fiber/detail/promise.hpp>
