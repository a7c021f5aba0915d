package org.llminspector.spark;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.spark.ExceptionFailure;
import org.apache.spark.SimpleFutureAction;
import org.apache.spark.SparkContext;
import org.apache.spark.TaskFailedReason;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.llminspector.base.Problem;
import org.llminspector.run.sweep.SweepListener;
import scala.collection.JavaConverters;
import scala.runtime.AbstractFunction0;
import scala.runtime.AbstractFunction1;
import scala.runtime.AbstractFunction2;
import scala.runtime.BoxedUnit;

/** Runs a task a number on the executors; each result is taken as it comes, so that what is finished is kept. */
final class Job {

    private static final int LOOK_MILLIS = 200;
    private static final int PATIENCE_SECONDS = 15;

    private final JavaSparkContext spark;
    private final SweepListener listener;
    private final Map<String, Problem> refused = new LinkedHashMap<>(); // by host and reason
    private volatile String lost; // why the last task failed that was not refused; null for none

    Job(JavaSparkContext spark, SweepListener listener) {
        this.spark = spark;
        this.listener = listener;
        spark.sc().addSparkListener(new SparkListener() {
            @Override
            public void onTaskEnd(SparkListenerTaskEnd end) {
                if (end.reason() instanceof ExceptionFailure f
                        && f.exception().isDefined()
                        && f.exception().get() instanceof Problem p) refused(p);
                else if (end.reason() instanceof TaskFailedReason f)
                    lost = end.taskInfo().host() + ": " + line(f.toErrorString());
            }
        });
    }

    /** The first line that says something. */
    private static String line(String text) {
        return text.lines().filter(l -> !l.isBlank()).findFirst().orElse("nothing");
    }

    private void refused(Problem p) {
        synchronized (refused) {
            refused.putIfAbsent(p.getMessage(), p);
        }
    }

    /** What machines said that could not have the sweep. */
    List<Problem> refused() {
        synchronized (refused) {
            return List.copyOf(refused.values());
        }
    }

    /**
     * Runs the tasks and waits for them.
     *
     * @param take gets each result, one at a time
     */
    <T> void run(List<Integer> numbers, FlatMapFunction<Iterator<Integer>, T> each, Consumer<T> take) {
        JavaRDD<T> results = spark.parallelize(numbers, numbers.size()).mapPartitions(each);
        List<Object> partitions = new ArrayList<>();
        for (int p = 0; p < numbers.size(); p++) partitions.add(p);
        RuntimeException[] failed = new RuntimeException[1];
        SparkContext sc = spark.sc();
        SimpleFutureAction<Object> action = sc.submitJob(
                results.rdd(),
                new Only<T>(),
                JavaConverters.asScala(partitions).toSeq(),
                new AbstractFunction2<Object, T, BoxedUnit>() {
                    @Override
                    public BoxedUnit apply(Object partition, T result) {
                        try {
                            if (failed[0] == null) take.accept(result);
                        } catch (RuntimeException e) {
                            failed[0] = e; // as the disk is full: Spark would ask for the task again
                        }
                        return BoxedUnit.UNIT;
                    }
                },
                new AbstractFunction0<Object>() {
                    @Override
                    public Object apply() {
                        return null;
                    }
                });
        await(action, failed);
    }

    private void await(SimpleFutureAction<?> action, RuntimeException[] failed) {
        long alone = System.nanoTime();
        boolean told = false;
        while (!action.isCompleted()) {
            if (listener.cancelled()) {
                action.cancel();
                throw Problem.of(Problem.Kind.CONFLICT, "the sweep was cancelled")
                        .found("finished parts are kept");
            }
            if (spark.sc().statusTracker().getExecutorInfos().length > 1) alone = System.nanoTime();
            boolean waiting = System.nanoTime() - alone > TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
            if (waiting && !told)
                listener.progress(new SweepListener.Progress("waiting for executors", 0, 0, 0, 0, -1));
            told = waiting;
            try {
                Thread.sleep(LOOK_MILLIS);
            } catch (InterruptedException e) {
                action.cancel();
                Thread.currentThread().interrupt();
                throw Problem.of(Problem.Kind.CONFLICT, "the sweep was interrupted")
                        .found("finished parts are kept");
            }
        }
        if (failed[0] != null) throw failed[0];
        scala.util.Try<?> end = action.value().get();
        if (end.isSuccess()) return;
        Throwable why = end.failed().get();
        for (Throwable t = why; t != null; t = t.getCause()) if (t instanceof Problem p) throw p;
        List<Problem> said = refused();
        if (!said.isEmpty()) throw said.get(0);
        throw Problem.of(Problem.Kind.UPSTREAM, "Spark gave the sweep up")
                .where(spark.sc().master())
                .found(
                        lost == null
                                ? line(String.valueOf(why.getMessage()))
                                : "tasks that failed again and again, last on " + lost)
                .instead("run it again into the same folder: finished parts are kept");
    }

    /** The only element of a partition. */
    private static final class Only<T> extends AbstractFunction1<scala.collection.Iterator<T>, T>
            implements Serializable {
        @Override
        public T apply(scala.collection.Iterator<T> partition) {
            return partition.next();
        }
    }
}
