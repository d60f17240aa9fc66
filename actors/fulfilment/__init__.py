"""The fulfilment flow: what the warehouse did with a sale, shown on the order in commercetools."""
