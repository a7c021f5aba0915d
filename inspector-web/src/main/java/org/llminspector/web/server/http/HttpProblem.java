package org.llminspector.web.server.http;

import org.llminspector.base.Problem;

/** Problem that exists only in HTTP, with a status that no {@link Problem.Kind} has. */
public final class HttpProblem extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final int status;
    private final String type;
    private final transient Problem problem;

    /** @param type last part of the problem's type URI */
    public HttpProblem(int status, String type, Problem problem) {
        super(problem.getMessage());
        this.status = status;
        this.type = type;
        this.problem = problem;
    }

    public ProblemDetail detail(String instance) {
        return ProblemDetail.of(status, type, problem, instance);
    }
}
