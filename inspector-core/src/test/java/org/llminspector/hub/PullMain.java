package org.llminspector.hub;

/** PullMain is a process that pulls a model as its environment says, and says how it came by each file. */
final class PullMain {

    private PullMain() {}

    /** Arguments: the repository. */
    public static void main(String[] args) {
        Pulled pulled = HubClient.fromEnvironment().pull(args[0], null, Progress.Listener.NONE, () -> false);
        for (Pulled.File file : pulled.files()) System.out.println(file.how() + " " + file.name());
    }
}
