// Program prints how much of its memory is from files, in kB, before and after it has let go of its pages.
package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/resident"
)

func main() {
	before := fromFiles()
	stop := resident.ReleaseWhileStarting(zap.NewExample())
	time.Sleep(200 * time.Millisecond)
	stop()
	after := fromFiles()
	for range 3 { // which needs much of what was let go
		runtime.GC()
	}
	fmt.Println(before, after)
}

// fromFiles is what is mapped from files, which may lie in memory themselves.
func fromFiles() (kilobytes int) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	for _, match := range regexp.MustCompile(`(?m)^Rss(?:File|Shmem):\s+(\d+) kB$`).FindAllSubmatch(status, -1) {
		n, err := strconv.Atoi(string(match[1]))
		if err != nil {
			panic(err)
		}
		kilobytes += n
	}
	return kilobytes
}
