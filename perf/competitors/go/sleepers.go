// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a sleep cost when very many sleep at once?
package main

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const sleeps = 5 // of each goroutine

// Spread over the range, the same for all competitors.
func howLong(task, round uint64) time.Duration {
	return time.Duration(1+(task*2654435761+round*40503)%50) * time.Millisecond
}

func cpuTime() time.Duration {
	var r syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	verify(err == nil, "getrusage works")
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func sleepAtOnce(n int) spent {
	gate := make(chan bool)
	var ready, done sync.WaitGroup
	ready.Add(n)
	done.Add(n)
	var early atomic.Int64
	for i := 0; i < n; i++ {
		go func(self uint64) {
			ready.Done()
			<-gate
			for round := uint64(0); round < sleeps; round++ {
				start := time.Now()
				time.Sleep(howLong(self, round))
				if time.Since(start) < howLong(self, round) {
					early.Add(1)
				}
			}
			done.Done()
		}(uint64(i))
	}
	ready.Wait()
	before, start := cpuTime(), time.Now()
	close(gate)
	done.Wait()
	took := spent{wall: time.Since(start), cpu: cpuTime() - before}
	verify(early.Load() == 0, "none slept too short")
	return took
}
