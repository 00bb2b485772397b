// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/future.hpp>: std::future, promise, packaged_task and async for fibers and OS threads.
#pragma once

#include <fiber/detail/async.hpp>
#include <fiber/detail/future.hpp>
#include <fiber/detail/packaged_task.hpp>
#include <fiber/detail/promise.hpp>
