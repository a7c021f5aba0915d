package com.hubspot.immutables.validation;

/**
 * A class by this name is all that jinjava needs of com.hubspot.immutables:immutables-exceptions, whose POM names no
 * licence and which we therefore do not ship. jinjava would throw it if it built its own settings wrongly.
 */
public class InvalidImmutableStateException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public InvalidImmutableStateException(String message) {
        super(message);
    }
}
