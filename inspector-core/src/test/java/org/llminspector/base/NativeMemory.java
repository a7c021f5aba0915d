package org.llminspector.base;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.management.JMException;
import javax.management.ObjectName;
import org.llminspector.base.platform.Trim;

/**
 * NativeMemory tells this process' own memory outside the Java heap. The heap is left out, for the collector lets hundreds
 * of MiB of garbage lie while there is room for it, and how much of it is in memory says nothing about who leaks.
 */
public final class NativeMemory {

    private static final Pattern ADDRESS = Pattern.compile("0x([0-9a-f]{8,16})");
    private static final Pattern RANGE = Pattern.compile("([0-9a-f]+)-([0-9a-f]+) .*");

    private NativeMemory() {}

    /**
     * Of three times the same work one at least leaves fewer KiB behind, in the heap and outside it: compiled code grows now
     * and then, a leak grows always. What a leak would be should be twice the bound or more, for what compilers and
     * collectors take and give back comes to 12 MiB either way.
     */
    public static void growsByLess(long kib, Runnable work) throws IOException {
        work.run(); // touches as much as what follows
        long heap = Long.MAX_VALUE;
        long outside = Long.MAX_VALUE;
        for (int part = 0; part < 3 && Math.max(heap, outside) >= kib; part++) {
            long heapBefore = heapKib();
            long before = residentKib();
            work.run();
            outside = Math.min(outside, settledKib(before + kib) - before);
            heap = Math.min(heap, heapKib() - heapBefore);
        }
        assertThat(outside).as("KiB grown outside the heap").isLessThan(kib);
        assertThat(heap).as("KiB of the heap that stay in use").isLessThan(kib);
    }

    /**
     * The smallest resident size within the next 30 seconds, or the first below {@code enough}: unreachable memory is
     * freed on a separate thread after a collection, leaked memory never.
     */
    public static long settledKib(long enough) throws IOException {
        long least = residentKib();
        long until = System.nanoTime() + 30_000_000_000L;
        while (least >= enough && System.nanoTime() < until) least = Math.min(least, residentKib());
        return least;
    }

    private static long heapKib() {
        collect();
        Runtime r = Runtime.getRuntime();
        return (r.totalMemory() - r.freeMemory()) / 1024;
    }

    /**
     * KiB that no file backs and that are not the Java heap, nor given back by everybody and still with the C library; what
     * the heap has in use, where there is no /proc.
     */
    public static long residentKib() throws IOException {
        collect();
        Trim.memory();
        Path maps = Path.of("/proc/self/smaps");
        if (!Files.exists(maps)) return heapKib();
        long[] heap = heap();
        boolean outside = true;
        long kib = 0;
        for (String line : Files.readAllLines(maps)) {
            Matcher range = RANGE.matcher(line);
            if (range.matches()) {
                long from = Long.parseUnsignedLong(range.group(1), 16);
                outside = Long.compareUnsigned(from, heap[0]) < 0 || Long.compareUnsigned(from, heap[1]) >= 0;
            } else if (outside && line.startsWith("Anonymous:")) {
                kib += Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        return kib;
    }

    /** Twice, with time between for what was found to be given back. */
    private static void collect() {
        System.gc();
        try {
            Thread.sleep(50);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        System.gc();
    }

    /** Where the heap begins and ends, whatever the collector. */
    private static long[] heap() {
        try {
            Object said = ManagementFactory.getPlatformMBeanServer()
                    .invoke(new ObjectName("com.sun.management:type=DiagnosticCommand"), "gcHeapInfo", null, null);
            List<Long> addresses = new ArrayList<>();
            Matcher m = ADDRESS.matcher((String) said);
            while (m.find()) addresses.add(Long.parseUnsignedLong(m.group(1), 16));
            addresses.sort(Long::compareUnsigned);
            return new long[] {addresses.get(0), addresses.get(addresses.size() - 1)};
        } catch (JMException e) {
            throw new IllegalStateException("every HotSpot tells of its heap", e);
        }
    }
}
