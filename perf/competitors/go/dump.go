// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a dump of very many parked goroutines cost: how long does it hold up a goroutine that is
// running, and when is the text there?
package main

import (
	"bytes"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"sort"
	"strings"
	"sync/atomic"
	"time"
)

// Starts n goroutines that wait, calls atRest, and ends them.
func whileParked(n int, atRest func()) {
	gate := make(chan bool)
	for i := 0; i < n; i++ {
		go func() { <-gate }()
	}
	time.Sleep(200 * time.Millisecond) // until the last ones have parked
	atRest()
	close(gate)
}

// For how long the calling thread was ready to run, while its CPU ran something else. The file is the
// kernel's account of the thread.
func cpuWait(account *os.File) time.Duration {
	var text [128]byte
	n, err := account.ReadAt(text[:], 0)
	verify(n > 0 && (err == nil || err == io.EOF), "the kernel counts waits for a CPU")
	return time.Duration(number(strings.Fields(string(text[:n]))[1]))
}

// The longest time for which a goroutine that does nothing but yield did not go on, while another one
// takes a dump. Times for which the kernel ran another program on its CPU do not count.
func pauseByDump(buffer []byte) (pause time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	account, err := os.Open("/proc/thread-self/schedstat")
	verify(err == nil, "the kernel has an account of each thread")
	defer account.Close()
	var size int64
	go func() { atomic.StoreInt64(&size, int64(runtime.Stack(buffer, true))) }()
	for last, waited := time.Now(), cpuWait(account); atomic.LoadInt64(&size) == 0; {
		runtime.Gosched()
		now, waitedNow := time.Now(), cpuWait(account)
		if stood := now.Sub(last) - (waitedNow - waited); stood > pause {
			pause = stood
		}
		last, waited = now, waitedNow
	}
	verify(int(size) < len(buffer), "the dump has all goroutines")
	return pause
}

func longestPauseByDump(n int) (middle time.Duration) {
	buffer := make([]byte, 1<<20+n*1024)
	whileParked(n, func() {
		pauses := make([]time.Duration, 9)
		for i := range pauses {
			pauses[i] = pauseByDump(buffer)
		}
		sort.Slice(pauses, func(i, k int) bool { return pauses[i] < pauses[k] })
		middle = pauses[len(pauses)/2]
	})
	return middle
}

// Equal goroutines are grouped.
func timeOfDump(n int) (took time.Duration) {
	whileParked(n, func() {
		var text bytes.Buffer
		start := time.Now()
		verify(pprof.Lookup("goroutine").WriteTo(&text, 1) == nil, "the dump has no error")
		took = time.Since(start)
		verify(text.Len() < 10000, "equal goroutines are grouped")
	})
	return took
}
